// A reranker's section: a query, texts, and how well each answers it.

import { asking, raw } from "./ask.js";
import { all, el, markFault, one } from "./dom.js";
import { ranked } from "./outputs.js";
import { snippets } from "./snippets.js";

export function start(section) {
  const form = one(section, "[data-form]");
  const update = snippets(one(section, "[data-snippets]"));
  const [query, documents] = all(form, "textarea");
  const lines = () => documents.value.split("\n").filter((line) => line.trim());
  const call = () => ({ model: section.dataset.model, query: query.value, documents: lines() });

  form.addEventListener("input", (event) => {
    markFault(event.target.closest(".field"), "");
    update(call());
  });
  update(call());
  asking(section, {
    call() {
      if (lines().length) return call();
      markFault(documents.closest(".field"), "expected at least one text");
      return null;
    },
    show: (answer, { documents: texts }) => [
      ranked(answer.results.map(({ index, relevance_score: score }) => [texts[index], score])),
      el("p", { class: "by" }, `${answer.model}, ${answer.usage.total_tokens} tokens`),
      raw(answer),
    ],
    // A text that is too long is named by its place among the lines.
    where: ({ parameter = "" }) => one(form, `[data-parameter="${CSS.escape(parameter.split("[")[0])}"]`),
  });
}
