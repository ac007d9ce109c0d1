"""What breaks callers of a version: each kind of difference is named, and what breaks nobody is not."""

import copy

import pytest

from service.store.contract_changes import breaking
from service.store.manifest import Manifest

COLUMNS = [
    {"name": "age", "kind": "integer", "dtype": "int64", "nullable": False},
    {"name": "pay", "kind": "number", "dtype": "float64", "nullable": True},
    {"name": "city", "kind": "category", "dtype": "object", "nullable": False, "categories": ["Oslo", "Rome"]},
    {"name": "note", "kind": "text", "dtype": "object", "nullable": False},
    {"name": "plan", "kind": "category", "dtype": "object", "categories": ["S"], "accepts_unknown": True},
]
OUTPUTS = {
    "predict": {"dtype": "string", "shape": [None]},
    "predict_proba": {"dtype": "number", "shape": [None, 2], "labels": ["no", "yes"]},
    "transform": {"dtype": "number", "shape": [None, 3]},
}


def manifest(spec, kind="tabular", **options):
    return Manifest("m", "1", kind, options.pop("files", {}), spec, **options)


def changed(change):
    """What breaks after `change` of {column or output: description}, given as a function."""
    columns, outputs = copy.deepcopy(COLUMNS), copy.deepcopy(OUTPUTS)
    before = manifest({"columns": copy.deepcopy(COLUMNS), "outputs": copy.deepcopy(OUTPUTS)})
    change({column["name"]: column for column in columns}, columns, outputs)
    return breaking(before, manifest({"columns": columns, "outputs": outputs}))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c, cs, o: cs.append({**c["age"], "name": "sex"}), "column sex is new, and every row must have it"),
        (lambda c, cs, o: cs.remove(c["note"]), "column note is gone"),
        (lambda c, cs, o: cs.reverse(), "the columns stand in another order"),
        (lambda c, cs, o: c["pay"].update(kind="integer", dtype="int64"), "column pay: it takes integer now"),
        (lambda c, cs, o: c["age"].update(dtype="int8"), "column age: it takes what int8 holds now"),
        (lambda c, cs, o: c["age"].update(dtype="uint64"), "column age: it takes what uint64 holds now"),
        (lambda c, cs, o: c["pay"].update(dtype="float16"), "column pay: it takes what float16 holds now"),
        (lambda c, cs, o: c["pay"].update(nullable=False), "column pay: null is refused now"),
        (lambda c, cs, o: c["city"].update(categories=["Oslo"]), "column city: it does not take Rome any more"),
        (lambda c, cs, o: c["note"].update(kind="category", categories=["a"]), "column note: it takes category now"),
        (lambda c, cs, o: c["plan"].update(accepts_unknown=False), "column plan: values outside its categories"),
        (lambda c, cs, o: o.pop("transform"), "output transform is gone"),
        (lambda c, cs, o: o["predict"].update(dtype="integer"), "output predict: it is integer now, and was string"),
        (lambda c, cs, o: o["predict_proba"].update(labels=["no"]), "output predict_proba: the label yes is gone"),
        (lambda c, cs, o: o["predict_proba"].pop("labels"), "output predict_proba: its values are not keyed by label"),
        (lambda c, cs, o: o["transform"].update(shape=[None, 2]), "output transform: its shape is [None, 2] now"),
        (lambda c, cs, o: o["predict"].update(targets=["a", "b"]), "output predict: its targets are ['a', 'b'] now"),
        (lambda c, cs, o: o.update(predict=o.pop("predict")), "predict_proba is the prediction now"),
    ],
)
def test_each_difference_that_breaks_callers_is_named(change, told):
    (found,) = changed(change)
    assert found.startswith(told)


@pytest.mark.parametrize(
    "change",
    [
        lambda c, cs, o: None,
        lambda c, cs, o: c["age"].update(kind="number", dtype="float64"),
        lambda c, cs, o: c["age"].update(nullable=True, minimum=3),
        lambda c, cs, o: c["pay"].update(dtype="float32"),
        lambda c, cs, o: c["city"].update(categories=["Bergen", "Oslo", "Rome"]),
        lambda c, cs, o: c["city"].update(categories=["Bergen"], accepts_unknown=True),
        lambda c, cs, o: c["city"].update(kind="text", categories=None),
        lambda c, cs, o: c["plan"].update(categories=["M"]),
        lambda c, cs, o: o.update(more={"dtype": "number", "shape": [None]}),
        lambda c, cs, o: o["predict_proba"].update(labels=["maybe", "no", "yes"], shape=[None, 3]),
    ],
    ids=[
        *("the same", "any number", "null", "float32", "a category more", "any category", "any text"),
        *("other known categories", "an output more", "a label more"),
    ],
)
def test_what_breaks_nobody_is_not_named(change):
    assert changed(change) == []


def test_text_models_and_other_kinds():
    text = {"context_length": 8192, "vocabulary_size": 100}
    files = {"chat_template.jinja": {}}
    before = manifest(text, "text_generation", files=files)
    assert breaking(before, manifest(text | {"context_length": 9000}, "text_generation", files=files)) == []
    assert breaking(before, manifest({"context_length": 512, "vocabulary_size": 99}, "text_generation")) == [
        "its context has 512 tokens now, and had 8192",
        "its vocabulary is another one: prompts of token ids mean other texts",
        "it has no chat template any more",
    ]
    table = manifest({"columns": COLUMNS, "outputs": OUTPUTS})
    assert breaking(table, before) == ["it is a model of kind text_generation, and was one of kind tabular"]
