"""rubric.yaml → the rubric of a case."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from scylla.config.check_format import CheckKeys, key_problems, scoring_of, to_check
from scylla.config.findings import Findings, join_key, quoted
from scylla.config.strict import Id, NonEmpty, Share, Strict, validate
from scylla.config.yaml_file import read_yaml
from scylla.domain.rubric import DEFAULT_GRADE_SCALE, Category, Item, Rubric, Scoring

DEFAULT_PASS_THRESHOLD = 0.60


Points = Annotated[float, Field(gt=0)]


class CategoryItem(CheckKeys):
    """One line of a category."""

    id: Id
    check: NonEmpty = Field(description="what is asked, in words")
    points: Points
    na_condition: NonEmpty | None = Field(default=None, description="when the item does not apply")


class CategoryFormat(Strict):
    """A group of items."""

    weight: float = Field(gt=0, description="share of the score; the weights of all categories sum to 1")
    scoring_type: Literal["checklist", "subjective"] = "checklist"
    description: str = ""
    items: list[CategoryItem] = Field(default_factory=list)


class Requirement(CheckKeys):
    """One weighted requirement."""

    id: Id
    description: NonEmpty
    weight: float = Field(ge=0, le=10, description="its points; one of weight 0 is left out")
    evaluation: Literal["binary", "scaled"]
    criteria: list[NonEmpty] = Field(default_factory=list)
    scoring: dict[str, NonEmpty] = Field(default_factory=dict, description="share of the weight: what earns it")
    na_condition: NonEmpty | None = Field(default=None, description="when the requirement does not apply")
    validation_command: str = Field(default="", deprecated="Use 'run' with 'expect' to let a command decide")
    skill_validation: str = Field(default="", deprecated="Remove it")
    skill_source: str = Field(default="", deprecated="Remove it")


class Grading(Strict):
    """Thresholds."""

    pass_threshold: Share = DEFAULT_PASS_THRESHOLD
    grade_scale: dict[str, Share] = Field(
        default=dict(DEFAULT_GRADE_SCALE), min_length=1, description="each grade with its lowest score"
    )
    closing_message: bool = Field(
        default=True,
        description="whether judges see what the agent said at its end; without it runs with the same changes are "
        "judged once",
    )
    min_correctness: float = Field(default=0.0, deprecated="Remove it; only pass_threshold decides")


class RubricFormat(Strict):
    """rubric.yaml: either categories or requirements."""

    categories: dict[NonEmpty, CategoryFormat] = Field(default_factory=dict)
    requirements: list[Requirement] = Field(default_factory=list)
    grading: Grading = Grading()


def load_rubric(path: Path, findings: Findings) -> Rubric | None:
    """The rubric, or None and at least one error."""
    fix = "Create it, or correct 'validation.rubric_file' in test.yaml"
    rubric = validate(RubricFormat, read_yaml(path, findings, fix=fix), path, findings)
    if rubric is None:
        return None
    errors_before = findings.error_count
    _find_problems(rubric, path, findings)
    return _to_domain(rubric) if findings.error_count == errors_before else None


def _find_problems(rubric: RubricFormat, file: Path, findings: Findings) -> None:
    if rubric.requirements:
        _check_both_given(rubric, file, findings)
        _check_weights(rubric, file, findings)
    elif rubric.categories:
        _check_categories(rubric, file, findings)
    else:
        reason = "the rubric has neither categories nor requirements"
        findings.error(file, "", reason=reason, fix="Add 'categories:' or 'requirements:' with at least one item")
    _check_items(rubric, file, findings)
    _check_grades(rubric.grading, file, findings)


def _check_both_given(rubric: RubricFormat, file: Path, findings: Findings) -> None:
    for name, category in rubric.categories.items():
        key = join_key(("categories", name))
        if category.items:
            reason = "a rubric has either categories with items or requirements, not both"
            findings.error(file, key, reason=reason, fix="Keep one of the two forms")
        else:
            reason = "a category without items beside requirements is ignored"
            findings.warning(file, key, reason=reason, fix="Remove it")


def _check_weights(rubric: RubricFormat, file: Path, findings: Findings) -> None:
    if not any(requirement.weight for requirement in rubric.requirements):
        fix = "Give a weight above 0 to what counts"
        findings.error(file, "requirements", reason="every requirement has the weight 0", fix=fix)
        return
    for index, requirement in enumerate(rubric.requirements):
        if requirement.weight == 0:
            key = join_key(("requirements", index, "weight"))
            reason = "a requirement of weight 0 counts nothing, so that it is left out"
            findings.warning(file, key, reason=reason, fix="Give it a weight above 0, or remove it")


def _check_categories(rubric: RubricFormat, file: Path, findings: Findings) -> None:
    for name, category in rubric.categories.items():
        if not category.items:
            key = join_key(("categories", name, "items"))
            findings.error(file, key, reason="the category has no items", fix="Add an item or remove the category")
    total = math.fsum(category.weight for category in rubric.categories.values())
    if abs(total - 1.0) > 1e-6:
        reason = f"the weights of the categories sum to {total:.6g}, not to 1"
        findings.error(file, "categories", reason=reason, fix="Change the weights so that they sum to 1")


def _keyed_items(rubric: RubricFormat) -> Iterator[tuple[str, CategoryItem | Requirement]]:
    for name, category in rubric.categories.items():
        for index, item in enumerate(category.items):
            yield join_key(("categories", name, "items", index)), item
    for index, requirement in enumerate(rubric.requirements):
        yield join_key(("requirements", index)), requirement


def _check_items(rubric: RubricFormat, file: Path, findings: Findings) -> None:
    first: dict[str, str] = {}
    for key, item in _keyed_items(rubric):
        if item.id in first:
            reason = f"the id {quoted(item.id)} is already used by {first[item.id]}"
            findings.error(file, f"{key}.id", reason=reason, fix="Give every item of the rubric its own id")
        first.setdefault(item.id, key)
        for inner, reason, fix in key_problems(item):
            findings.error(file, f"{key}.{inner}", reason=reason, fix=fix)


def _check_grades(grading: Grading, file: Path, findings: Findings) -> None:
    first: dict[float, str] = {}
    for grade, lowest in grading.grade_scale.items():
        if lowest in first:
            reason = f"the grades {quoted(first[lowest])} and {quoted(grade)} begin at the same score"
            key = join_key(("grading", "grade_scale", grade))
            findings.error(file, key, reason=reason, fix="Give every grade its own lowest score")
        first.setdefault(lowest, grade)
    if min(first) > 0:
        reason = f"no grade begins at 0, so that the lowest one, {quoted(first[min(first)])}, reaches down to it"
        findings.warning(file, "grading.grade_scale", reason=reason, fix="Add a grade with the lowest score 0")


def _to_domain(rubric: RubricFormat) -> Rubric:
    grades = sorted(rubric.grading.grade_scale.items(), key=lambda grade: -grade[1])
    return Rubric(
        categories=_requirements(rubric) if rubric.requirements else _categories(rubric),
        pass_threshold=rubric.grading.pass_threshold,
        grade_scale=tuple(grades),
        closing_message=rubric.grading.closing_message,
    )


def _categories(rubric: RubricFormat) -> tuple[Category, ...]:
    return tuple(
        Category(name=name, weight=category.weight, items=tuple(_category_item(item) for item in category.items))
        for name, category in rubric.categories.items()
    )


def _category_item(item: CategoryItem) -> Item:
    return Item(
        id=item.id,
        text=item.check.strip(),
        points=item.points,
        scoring=Scoring.SCALED if item.run is None else scoring_of(item),
        check=to_check(item),
        na_condition=item.na_condition,
    )


def _requirements(rubric: RubricFormat) -> tuple[Category, ...]:
    items = tuple(_requirement_item(requirement) for requirement in rubric.requirements if requirement.weight)
    return (Category(name="requirements", weight=1.0, items=items),)


def _requirement_item(requirement: Requirement) -> Item:
    lines = [f"- {line.strip()}" for line in requirement.criteria]
    lines += [f"- share {share}: {line.strip()}" for share, line in requirement.scoring.items()]
    return Item(
        id=requirement.id,
        text="\n".join([requirement.description.strip(), *lines]),
        points=requirement.weight,
        scoring=Scoring(requirement.evaluation) if requirement.run is None else scoring_of(requirement),
        check=to_check(requirement),
        na_condition=requirement.na_condition,
    )
