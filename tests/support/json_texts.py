"""JSON made from its grammar (RFC 8259), and not from values: also what no library would write."""

from hypothesis import strategies as st

_SPACE = st.text(" \t\r\n", max_size=3)
_CHARACTERS = st.one_of(
    st.characters(exclude_categories=["Cs"], exclude_characters='"\\', min_codepoint=0x20),
    st.sampled_from([rf"\{escaped}" for escaped in '"\\/bfnrt']),
    st.from_regex(r"\\u[0-9a-cA-CefEF][0-9a-fA-F]{3}", fullmatch=True),
    st.from_regex(r"\\u[dD][0-7][0-9a-fA-F]{2}", fullmatch=True),
    st.from_regex(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}", fullmatch=True),
)
_NUMBERS = st.one_of(
    st.from_regex(r"-?(0|[1-9][0-9]{0,400})", fullmatch=True),
    st.from_regex(r"-?(0|[1-9][0-9]{0,20})\.[0-9]{1,20}", fullmatch=True),
    st.from_regex(
        r"-?(0|[1-9])(\.[0-9]{1,5})?[eE]([+-]?[0-9]{1,2}|-[0-9]{1,4}|\+?0{1,5}[0-9]{1,2})", fullmatch=True
    ),
    st.sampled_from(["1.10", "1e2", "9007199254740993.0", "-0", "-0.0", "1E+02", "1e15", "5e-324", "1e-999"]),
)

strings = st.lists(_CHARACTERS, max_size=8).map(lambda parts: '"' + "".join(parts) + '"')
"""Strings with their quotes, escaped in every way and in none."""


def _array(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    spaced = st.tuples(_SPACE, values, _SPACE).map("".join)
    return st.one_of(_SPACE, st.lists(spaced, min_size=1, max_size=4).map(",".join)).map("[{}]".format)


def object_of(members: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Objects of such members, names that are there twice among them."""
    inside = st.one_of(_SPACE, st.lists(members, min_size=1, max_size=4).map(",".join))
    return inside.map(lambda text: "{" + text + "}")


def member(names: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Members `name : value` with any white space."""
    return st.tuples(_SPACE, names, _SPACE, st.just(":"), _SPACE, values, _SPACE).map("".join)


values = st.recursive(
    st.one_of(st.sampled_from(["true", "false", "null"]), _NUMBERS, strings),
    lambda inner: st.one_of(_array(inner), object_of(member(strings, inner))),
    max_leaves=12,
)
"""Any value."""

objects = object_of(member(strings, values))
"""Objects, as `data` must be one."""


@st.composite
def submissions(draw: st.DrawFn) -> tuple[str, str]:
    """The body of `POST /v1/events`, and its `data` as it stands there.

    The fields come in any order, and several times: the last one counts.
    """
    data = draw(objects)
    written = {
        "type": st.sampled_from(['"type"', r'"ty\u0070e"']),
        "data": st.sampled_from(['"data"', r'"d\u0061ta"', r'"\u0064\u0061\u0074\u0061"']),
    }
    earlier = draw(st.lists(member(written["data"], values) | member(written["type"], values), max_size=2))
    last = [
        draw(member(written["data"], st.just(data))),
        draw(member(written["type"], st.sampled_from(['"order.created"', r'"order.cre\u0061ted"']))),
    ]
    inside = ",".join([*earlier, *draw(st.permutations(last))])
    return draw(_SPACE) + "{" + inside + "}" + draw(_SPACE), data
