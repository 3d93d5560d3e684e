"""The reader of cue data: what it reads, what it leaves to the cue program, and that nothing else comes out of it."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inngest_testkit.errors import DocumentError
from inngest_testkit.functions.cue import parse_cue
from inngest_testkit.functions.cue_tokens import CueError, UnsupportedCueError
from inngest_testkit.functions.cue_values import plain
from inngest_testkit.functions.document import parse_document


def read(text):
    return plain(parse_cue(text).value)


READABLE = {
    "empty": ("", {}),
    "only a comment": ("// nothing\n", {}),
    "object": ('{"a": 1}', {"a": 1}),
    "comments": ("// one\na: 1 // two\n// three\nb: 2", {"a": 1, "b": 2}),
    "unquoted and quoted labels": (
        'a: 1\n"b c": 2\n$d: 3\nif: 4\nfor: 5',
        {"a": 1, "b c": 2, "$d": 3, "if": 4, "for": 5},
    ),
    "commas on one line": ("a: 1, b: 2,", {"a": 1, "b": 2}),
    "trailing commas": ("{a: [1, 2,], b: {c: 3,},}", {"a": [1, 2], "b": {"c": 3}}),
    "elements on lines": ("a: [\n  1\n  2\n]", {"a": [1, 2]}),
    "comma on the next line, as JSON allows": ('{"a": [1\n, 2]\n, "b"\n:\n3}', {"a": [1, 2], "b": 3}),
    "package": ("package main\n\na: 1", {"a": 1}),
    "a field named package": ("package: 1", {"package": 1}),
    "a field named import": ("import: 1", {"import": 1}),
    "import with alias": (
        'import d "inngest.com/defs/v1"\na: d.#RuntimeHTTP & {url: "u"}',
        {"a": {"type": "http", "url": "u"}},
    ),
    "import without alias": ('import (\n"inngest.com/defs/v1"\n)\na: v1.#RuntimeDocker', {"a": {"type": "docker"}}),
    "import with package name": (
        'import "inngest.com/defs/v1:defs"\na: defs.#RuntimeDocker',
        {"a": {"type": "docker"}},
    ),
    "structs join": ("a: {b: 1} & {c: 2} & {b: 1}", {"a": {"b": 1, "c": 2}}),
    "lists join": ("a: [{b: 1}] & [{c: 2}]", {"a": [{"b": 1, "c": 2}]}),
    "equal scalars join": ('a: "x" & "x"', {"a": "x"}),
    "parentheses": ("a: ({b: 1} & {c: 2})", {"a": {"b": 1, "c": 2}}),
    "the operator may end a line": ("a: {b: 1} &\n  {c: 2}", {"a": {"b": 1, "c": 2}}),
    "repeated labels merge": ("a: {b: 1}\na: {c: 2}\na: b: 1", {"a": {"b": 1, "c": 2}}),
    "nested labels": ('a: b: "c d": 1', {"a": {"b": {"c d": 1}}}),
    "types beside values": (
        'a: string & "x"\nb: 1 & int & number\nc: _ & 2\nd: number & int & 3',
        {"a": "x", "b": 1, "c": 2, "d": 3},
    ),
    "hidden fields and definitions are left out": ("#D: {a: int}\n_h: 1\n_#H: 2\nb: 3", {"b": 3}),
    "open struct": ("a: {b: 1, ...}", {"a": {"b": 1}}),
    "embedded struct": ("a: {{b: 1}, c: 2}", {"a": {"b": 1, "c": 2}}),
    "numbers": (
        "a: [0x1F, 0b101, 0o17, 1_000, 1.5, .5, 1e3, 2K, 1.5M, 1Ki, -5, +6, -0.5]",
        {"a": [31, 5, 15, 1000, 1.5, 0.5, 1000.0, 2000, 1_500_000, 1024, -5, 6, -0.5]},
    ),
    "escapes": (r'a: "\n\t\"\\\/\u00e9\U0001F600\ud83d\ude00"', {"a": '\n\t"\\/é😀😀'}),
    "raw text": (r'a: #"C:\new "quoted" \#n"#', {"a": 'C:\\new "quoted" \n'}),
    "text of several lines": (
        'a: """\n    one\n      two \\(\\\n\n    """'.replace("\\(\\", "\\\\("),
        {"a": "one\n  two \\(\n"},
    ),
    "raw text of several lines": ('a: #"""\n  \\(x) """\n  """#', {"a": '\\(x) """'}),
    "empty text of several lines": ('a: """\n  """', {"a": ""}),
    "a byte order mark is the document's": ("a: 1", {"a": 1}),
    "constants": ("a: [true, false, null]", {"a": [True, False, None]}),
    "a text alone": ('"x"', "x"),
    "a list alone": ("[1, [2]]", [1, [2]]),
}


@pytest.mark.parametrize(("text", "value"), READABLE.values(), ids=READABLE)
def test_data_is_read(text, value):
    assert read(text) == value


UNSUPPORTED = {
    "interpolation": (r'a: "\(b)"', r"an interpolation (\(...))"),
    "raw interpolation": (r'a: #"\#(b)"#', r"an interpolation (\#(...))"),
    "bytes": ("a: 'x'", "a bytes literal ('...')"),
    "disjunction": ("a: 1 | 2", "a disjunction (a | b)"),
    "default": ("a: *1 | 2", "a default (*a | b)"),
    "arithmetic": ("a: 1 + 2", "arithmetic (a + b)"),
    "negated reference": ("a: -b", "arithmetic (-a)"),
    "comparison": ("a: 1 < 2", "a comparison"),
    "bound": ("a: >=1", "a bound (>=1)"),
    "reference": ("a: b", "the reference to 'b'"),
    "definition of its own": ("#A: {}\na: #A", "the reference to '#A'"),
    "reference into a struct": ("a: {b: 1}.b", "a reference into a value"),
    "call": ("a: len([1])", "the call of len"),
    "comprehension in a list": ("a: [for x in [1] {x}]", "a comprehension (for ... in ...)"),
    "comprehension in a struct": ("for k, v in {a: 1} {(k): v}", "a comprehension (for ... in ...)"),
    "condition": ("if true {a: 1}", "a comprehension (if ...)"),
    "let": ("let x = 1\na: x", "a let clause"),
    "open list": ("a: [1, ...]", "an open list ([...])"),
    "optional field": ("a?: 1", "the optional or required field a?"),
    "required field": ("a!: 1", "the optional or required field a!"),
    "pattern": ("[string]: 1", "a pattern ([...]: ...)"),
    "computed label": ('("a"): 1', "a computed label"),
    "alias": ("x=a: 1", "the alias x"),
    "attribute": ("a: 1\n@if(x)", "an attribute (@...)"),
    "other import": ('import "strings"\na: 1', "the import of 'strings'"),
    "error value": ("a: _|_", "an error value (_|_)"),
}


@pytest.mark.parametrize(("text", "construct"), UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_what_has_to_be_evaluated_is_named_with_a_remedy(text, construct):
    with pytest.raises(UnsupportedCueError) as caught:
        parse_cue(text)
    assert caught.value.construct == construct
    with pytest.raises(DocumentError, match="write plain data, or install the cue program"):
        parse_document(text, file="inngest.cue")


BROKEN = {
    "neither JSON nor cue": ("this is { not json", 1, 6, "expected label or ':', found 'is' after 'this'"),
    "conflict": ("a: 1\na: 2", 2, 4, "a: conflicting values 1 and 2; keep one of them"),
    "conflict of types": (
        'a: b: "x" & 5',
        1,
        13,
        'a.b: conflicting values "x" and 5 (mismatched types string and int)',
    ),
    "int and float": ("a: 1 & 1.0", 1, 8, "mismatched types int and float"),
    "conflict with a type": (
        "a: string & 5",
        1,
        13,
        "a: conflicting values 5 and string (mismatched types int and string)",
    ),
    "lists of two lengths": ("a: [1] & [1, 2]", 1, 10, "conflicting values [1] and [1, 2]"),
    "only a type": ("a: b: string", 1, 7, "a.b: incomplete value string"),
    "open text": ('a: "abc\nb: 1', 1, 4, "its end quote is missing"),
    "open struct": ("a: {b: 1", 1, 9, "expected '}', found the end of the file"),
    "open list": ("a: [1", 1, 6, "expected ']', found the end of the file"),
    "stray brace": ("a: 1\n}", 2, 1, "expected a value, found '}'"),
    "no value": ("a:", 1, 3, "expected a value, found the end of the file"),
    "two fields on a line": ("a: 1 b: 2", 1, 6, "expected a comma or a new line between two fields, found 'b'"),
    "leading zero": ("a: 012", 1, 4, "write 0o12 for an octal number"),
    "letters in a number": ("a: 12ab", 1, 4, "'12a' is not a number"),
    "too large": ("a: 1e999", 1, 4, "too large"),
    "thousands of digits": ("a: " + "9" * 5000, 1, 4, "a number of 5000 digits"),
    "unknown escape": (r'a: "\q"', 1, 6, r"unknown escape \q"),
    "half a pair": (r'a: "\ud800"', 1, 7, "one half of a pair"),
    "bad code": (r'a: "\u12"', 1, 7, "expected 4 hexadecimal digits"),
    "unknown definition": ('import d "inngest.com/defs/v1"\na: d.#Nope', 2, 6, "has no '#Nope'; it has #Function"),
    "nested too deep": ("[" * 500, 1, 65, "nested more than 64 deep"),
    "labels nested too deep": ("a: " * 500 + "1", 1, 0, "nested more than 64 deep"),
    "no indentation": ('a: """\n  x\n y\n  """', 1, 4, "indented less than its end quote"),
    "quotes in a line": ('a: """x"""', 1, 4, "on lines of their own"),
    "unknown character": ("a: \x00", 1, 4, "unexpected character"),
}


@pytest.mark.parametrize(("text", "line", "column", "reason"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_refused_at_its_place(text, line, column, reason):
    with pytest.raises(DocumentError) as caught:
        parse_document(text, file="inngest.cue")
    assert reason in caught.value.reason
    assert (caught.value.line, caught.value.column or column) == (line, column or caught.value.column)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def loose(value, draw, indent=""):
    """Write a value as people do: bare labels, new lines for commas, comments, nested labels."""
    inner = indent + "  "
    if isinstance(value, dict):
        fields = [f"{inner}{_label(key, draw)}: {loose(item, draw, inner)}" for key, item in value.items()]
        separator = draw(st.sampled_from([",\n", "\n", " // so\n", "\n\n"]))
        return (
            "{\n"
            + separator.join(fields)
            + draw(st.sampled_from([",", "", " // end"])) * bool(fields)
            + f"\n{indent}}}"
        )
    if isinstance(value, list):
        items = [inner + loose(item, draw, inner) for item in value]
        return "[\n" + ",\n".join(items) + draw(st.sampled_from([",", ""])) * bool(items) + f"\n{indent}]"
    if (
        isinstance(value, str)
        and draw(st.booleans())
        and value.isprintable()
        and '"' not in value
        and "\\" not in value
    ):
        return f'#"{value}"#'
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


def _label(key, draw):
    bare = key.isascii() and key.isidentifier() and not key.startswith("_")
    return key if bare and draw(st.booleans()) else json.dumps(key)


@given(JSON, st.sampled_from([None, 1]))
def test_json_is_read_as_json(value, indent):
    assert read(json.dumps(value, indent=indent)) == value


@given(st.data(), JSON)
def test_loose_cue_is_read_as_the_data_it_says(data, value):
    assert read(loose(value, data.draw)) == value


@given(JSON, JSON)
def test_what_is_joined_with_itself_stays(one, two):
    text = json.dumps(one)
    assert read(f"({text}) & ({text})") == one
    try:
        joined = read(f"{{a: {text}}} & {{a: {json.dumps(two)}}}")
    except CueError:
        return
    assert read(f"{{a: {json.dumps(two)}}} & {{a: {text}}}") == joined


WORDS = st.sampled_from(
    [
        *"{}[]()&|*+-<>=!?:,.@;#_\"'\\\n \t",
        "...",
        '"""',
        '#"',
        '"#',
        "a",
        "if",
        "for",
        "let",
        "import",
        "package",
        "1K",
        "0x",
        "1e",
    ]
)


@given(st.text() | st.lists(WORDS, max_size=40).map("".join))
@example("\ufeff")
@example('"\\')
@example("#" * 30)
@example("((((" * 60)
@example("-" * 500 + "1")
def test_any_text_gives_a_value_or_a_document_error(text):
    try:
        document = parse_document(text, file="inngest.json")
    except DocumentError as error:
        place = (error.line, error.column)
    else:
        place = document.position(())
        json.dumps(document.value)
    assert min(place) >= 1


def test_numbers_keep_their_kind():
    value = read("[1, 1.0, 1e2, -0.0]")
    assert [type(each) for each in value] == [int, float, float, float]
    assert math.copysign(1, value[3]) == -1
