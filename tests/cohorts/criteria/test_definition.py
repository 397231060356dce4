"""The tree: who matches, and which leaves made an answer change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from cohorts.criteria import Criteria, parse
from ingest.models import CustomerKind

A, B, C = ({"field": f"metadata.{name}", "op": "exists"} for name in "abc")


def criteria(match: dict[str, Any]) -> Criteria:
    return parse({"version": 1, "match": match}, CustomerKind.USER)


def maps(**leaves: list[int]) -> dict[str, BitMap]:
    """`a=[1]`: customer 1 matches the leaf on metadata.a."""
    return {name: BitMap(ids) for name, ids in leaves.items()}


def at_paths(tree: Criteria, leaves: dict[str, BitMap]) -> dict[str, BitMap]:
    return {path: leaves[leaf.words().split()[0].removeprefix("metadata.")] for path, leaf in tree.leaves.items()}


@pytest.mark.parametrize(
    ("match", "members"),
    [
        (A, {1, 2}),
        ({"not": A}, {3, 4}),
        ({"all": [A, B]}, {2}),
        ({"any": [A, B]}, {1, 2, 3}),
        ({"all": [A, {"not": B}]}, {1}),
        ({"not": {"any": [A, B]}}, {4}),
        ({"any": [{"not": A}, B]}, {2, 3, 4}),
    ],
)
def test_groups_combine_their_children(match, members):
    tree = criteria(match)
    leaves = at_paths(tree, maps(a=[1, 2], b=[2, 3]))
    assert tree.members(BitMap([1, 2, 3, 4]), leaves) == BitMap(members)


def turned(match: dict[str, Any], before: dict[str, BitMap], after: dict[str, BitMap], **universe: set[int]) -> Any:
    """Path -> ids for customer 1, who existed all along unless `then` or `now` says otherwise."""
    tree = criteria(match)
    existing = (BitMap(universe.get("then", {1})), BitMap(universe.get("now", {1})))
    found = tree.turned(BitMap([1]), existing, (at_paths(tree, before), at_paths(tree, after)))
    assert all(ids == BitMap([1]) for ids in found.values())
    return list(found)


def test_all_turns_true_by_the_children_that_turned_true():
    assert turned({"all": [A, B]}, maps(a=[1], b=[]), maps(a=[1], b=[1])) == ["match.all[1]"]
    assert turned({"all": [A, B]}, maps(a=[], b=[]), maps(a=[1], b=[1])) == ["match.all[0]", "match.all[1]"]


def test_all_turns_false_by_the_children_that_turned_false():
    assert turned({"all": [A, B, C]}, maps(a=[1], b=[1], c=[1]), maps(a=[1], b=[], c=[1])) == ["match.all[1]"]


def test_any_turns_by_the_children_that_turned_alike():
    before, after = maps(a=[], b=[], c=[]), maps(a=[1], b=[], c=[1])
    assert turned({"any": [A, B, C]}, before, after) == ["match.any[0]", "match.any[2]"]
    assert turned({"any": [A, B, C]}, after, before) == ["match.any[0]", "match.any[2]"]


def test_not_hands_the_question_to_its_child():
    assert turned({"all": [A, {"not": B}]}, maps(a=[1], b=[1]), maps(a=[1], b=[])) == ["match.all[1].not"]


def test_a_child_that_turned_the_other_way_has_no_part_in_it():
    match = {"any": [{"all": [A, B]}, C]}
    assert turned(match, maps(a=[1], b=[], c=[]), maps(a=[], b=[1], c=[1])) == ["match.any[1]"]


def test_everything_that_holds_counts_as_turned_for_a_new_customer():
    match = {"all": [A, {"not": {"any": [B, C]}}]}
    found = turned(match, maps(a=[], b=[], c=[]), maps(a=[1], b=[], c=[]), then=set())
    assert found == ["match.all[0]", "match.all[1].not.any[0]", "match.all[1].not.any[1]"]


def test_everything_that_held_counts_as_turned_for_a_customer_who_is_gone():
    match = {"all": [A, {"not": B}]}
    assert turned(match, maps(a=[1], b=[]), maps(a=[], b=[]), now=set()) == ["match.all[0]", "match.all[1].not"]


def nodes(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    leaf = st.sampled_from([A, B, C])
    if not depth:
        return leaf
    inner = st.deferred(lambda: nodes(depth - 1))
    group = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        leaf,
        inner.map(lambda node: {"not": node}),
        group.map(lambda items: {"all": items}),
        group.map(lambda items: {"any": items}),
    )


IDS = st.frozensets(st.integers(0, 7)).map(BitMap)
ANSWERS = st.fixed_dictionaries({"a": IDS, "b": IDS, "c": IDS})


@given(match=nodes(3), before=ANSWERS, after=ANSWERS, then=IDS, now=IDS)
def test_every_changed_customer_is_explained_by_leaves_that_turned(match, before, after, then, now):
    tree = criteria(match)
    old, new = (
        {path: ids & universe for path, ids in at_paths(tree, leaves).items()}
        for leaves, universe in ((before, then), (after, now))
    )
    changed = tree.members(then, old) ^ tree.members(now, new)
    found = tree.turned(changed, (then, now), (old, new))
    assert BitMap.union(BitMap(), *found.values()) == changed
    stayed = then & now
    for path, ids in found.items():
        assert ids & stayed <= old[path] ^ new[path]


def test_words_name_each_condition_and_bracket_inner_groups():
    match = {"all": [A, {"any": [B, {"not": C}]}, {"all": [C]}]}
    assert criteria(match).words() == (
        "metadata.a is set, and (metadata.b is set, or not (metadata.c is set)), and metadata.c is set"
    )
