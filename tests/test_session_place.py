"""The second Tab: where a session goes after a rename, once the model agrees."""

from __future__ import annotations

from tabtab_local.document import Document, open_document
from tabtab_local.edits import Edit
from tests.editing import MARIMO, asked, inserting, moved, opened, python, rewriting

# The use stands outside the region of the definition.
FAR = "\n".join(f"step_{number}(1)" for number in range(12))
RENAMED = python(f"|total = 1\n{FAR}\nprint(total)\n{FAR}\nlog(total, 2)\n")
NAMED = "total = 1"


def place(document: Document, before: str) -> Document:
    """Return a document with the cursor behind the first `before`."""
    return moved(document, document.code.index(before) + len(before))


def test_after_a_rename_the_next_uses_are_proposed_one_after_the_other() -> None:
    renamed = moved(python(RENAMED.code.replace(NAMED, "price = 1") + "|"), 5)
    first = place(renamed, "print(")
    done = moved(python(renamed.code.replace("print(total", "print(price") + "|"), first.cursor + 5)
    second = place(done, "log(")
    answers = [
        rewriting(RENAMED, "total", "price"),
        inserting(renamed),
        rewriting(first, "total", "price"),
        inserting(done),
        rewriting(second, "total", "price"),
    ]
    session, _ = opened(RENAMED, answers)
    assert session.suggest().accepted() == renamed
    session.accept()
    there = session.suggest()
    assert (there.document, there.ghost, there.edits) == (first, "", (Edit(first.cursor, first.cursor + 5, "price"),))
    # An editor goes there before it shows the edit, or does not.
    assert session.update(there.document) == there
    assert session.accept() == done
    last = session.suggest()
    assert last.document == second and "total" not in last.accepted().code


def test_a_place_that_the_model_does_not_confirm_is_not_shown() -> None:
    renamed = moved(python(RENAMED.code.replace(NAMED, "price = 1") + "|"), 5)
    first, second = place(renamed, "print("), place(renamed, "log(")
    answers = [rewriting(RENAMED, "total", "price"), inserting(renamed), inserting(first)]
    session, _ = opened(RENAMED, [*answers, rewriting(second, "total", "price")])
    session.suggest()
    session.accept()
    assert session.suggest().document == second
    session, engine = opened(RENAMED, [*answers, inserting(second)])
    session.suggest()
    session.accept()
    silent = session.suggest()
    assert silent.silence == "no_op: nothing to change" and silent.document == renamed and session.shown is None
    assert len(asked(engine)) == 4


def test_a_rejected_place_gives_way_to_the_next() -> None:
    renamed = moved(python(RENAMED.code.replace(NAMED, "price = 1") + "|"), 5)
    first, second = place(renamed, "print("), place(renamed, "log(")
    change = [rewriting(first, "total", "price"), rewriting(second, "total", "price")]
    session, _ = opened(
        RENAMED, [rewriting(RENAMED, "total", "price"), inserting(renamed), change[0], inserting(renamed), *change]
    )
    session.suggest()
    session.accept()
    assert session.suggest().document == first
    session.reject()
    assert session.suggest().document == second


def test_places_are_not_looked_for_once_something_else_is_done() -> None:
    renamed = moved(python(RENAMED.code.replace(NAMED, "price = 1") + "|"), 5)
    other = moved(renamed, 9)
    session, engine = opened(RENAMED, [rewriting(RENAMED, "total", "price"), inserting(other)])
    session.suggest()
    session.accept()
    session.update(other)
    assert session.suggest().silence and len(asked(engine)) == 2


def test_the_next_place_can_be_prepared() -> None:
    renamed = moved(python(RENAMED.code.replace(NAMED, "price = 1") + "|"), 5)
    first = place(renamed, "print(")
    answers = [rewriting(RENAMED, "total", "price"), inserting(renamed), rewriting(first, "total", "price")]
    session, engine = opened(RENAMED, answers)
    session.suggest()
    session.prefetch()
    done = len(engine.requests)
    session.accept()
    assert session.suggest().document == first and len(engine.requests) == done


def test_the_next_places_are_in_the_cells_that_depend_on_the_one_that_was_edited() -> None:
    before = moved(open_document(MARIMO, jupyter=False, line=8), 0)

    def renamed(number: int) -> Document:
        """Return the notebook with so many of its uses renamed, the cursor in the first cell."""
        text = MARIMO.replace("total = 1", "price = 1").replace("return (total,)", "return (price,)")
        for line in ('print("first", total)', 'print("second", total)')[:number]:
            text = text.replace(line, line.replace("total", "price"))
        return open_document(text, jupyter=False, line=8)

    session, engine = opened(before, [])
    for number, cell, word in ((0, 0, ""), (1, 1, "first"), (2, 2, "second")):
        document = session._document
        assert document is not None
        answers = [rewriting(document, "total", "price")] if number == 0 else [inserting(document)]
        if number:
            answers.append(rewriting(document.at(cell, len(f'print("{word}", ')), "total", "price"))
        engine._answers += answers
        suggestion = session.suggest()
        assert suggestion.document.cell == cell and [edit.text for edit in suggestion.edits] == ["price"]
        after = session.accept()
        assert after.codes == renamed(number).codes
