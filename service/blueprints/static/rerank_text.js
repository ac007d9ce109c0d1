// A reranker's section: a query, texts, and how well each answers it.

import { all, markFault, one } from "./dom.js";
import { ranked } from "./outputs.js";
import { askingTexts } from "./texts.js";

export function start(section) {
  const [query, documents] = all(one(section, "[data-form]"), "textarea");
  const lines = () => documents.value.split("\n").filter((line) => line.trim());
  askingTexts(section, {
    call: () => ({ model: section.dataset.model, query: query.value, documents: lines() }),
    sound() {
      if (!lines().length) markFault(documents.closest(".field"), "expected at least one text");
      return lines().length > 0;
    },
    show: (answer, { documents: texts }) => [
      ranked(answer.results.map(({ index, relevance_score: score }) => [texts[index], score])),
    ],
    origin: (answer) => `${answer.model}, ${answer.usage.total_tokens} tokens`,
  });
}
