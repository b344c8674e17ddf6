"""What parsers stumble over: texts, numbers, JSON and headers at the edges of their grammars, and beyond."""

# Tables of short values, many to a line.
# fmt: off

ODD_TEXTS = (
    "", " ", "\x00", "\r\n", "a\r\nX-Injected: 1", "\ud800", "\udfff\ud800", "\ufeff", "\u202egro", "é",
    "👋🏽", "'", '"', "\\", "'\"", "<script>alert(1)</script>", "{{7*7}}", "${jndi:ldap://x}",
    "../../etc/passwd", "__proto__", "constructor", "null", "%s%n", "' OR 1=1 --", "\u2028", "x" * 256,
    "ä" * 10_000, "'\x07" * 99,
)
ODD_NUMBERS = (
    "-0", "-0.0", "0e0", "1e999", "-1e999", "1e-999", "NaN", "Infinity", "-Infinity", "5e-324", "1E5",
    "0.1e1", "01", "1.", ".5", "+1", "-", "1e", "0x1", "1_000", "\u0661", "9007199254740993",
    "9007199254740993.0", "1e15", "1.7976931348623157e308", "1.7976931348623159e308",
    "2.2250738585072011e-308", "9" * 400 + ".5", "9" * 4300, "-" + "9" * 4300, "9" * 4301, "-" + "9" * 5000,
    "0." + "0" * 5000 + "1", "1e" + "9" * 5000,
)
ODD_TOKENS = (
    r'"\ud800"', r'"\udc00\ud800"', r'"\u0000"', r'"\x"', r'"\u12"', '"\ud800"', '"\t"', '"\x00"', '"', "'a'",
    "tru", "True", "undefined", "//", "/**/1", "[1,]", '{"a":1,}', '{"a":1,"a":2}', '{"":{"":{}}}', "{1:2}",
    '{"__proto__":{"x":1}}', "[", "]", "}", '"\\', '"\\u',
)
EVENT_FRAMES = (
    '{"type":"a","data":{"x":%}}', '{"type":"a","data":%}', '{"type":%,"data":{}}', '{"x":%}', "%",
)
"""Bodies with a place for a token."""
NESTINGS = (("[", "]"), ('{"a":', "}"), ('[{"a":', "}]"), ('{"__proto__":[', "]}"))
ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7", "cp1252")

METHODS = (
    "GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "post", "POST ", "PROPFIND",
)
PATHS = (
    "/", "/v1", "/v1/events/", "//v1/events", "/v1/events\n", "/V1/EVENTS", "/v1/events%00",
    "/v1/../v1/events", "/" + "v1/" * 4000,
)
JSON_TYPES = (
    "application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;a;;=",
    "application/json ;q=0",
)
OTHER_TYPES = (
    "application/json; charset=utf-16", 'application/json; charset="latin-1"', "text/plain",
    "application/jsonp", "application/problem+json", "application/json,text/html", "json", "*/*",
    "application/x-www-form-urlencoded", "application/json/",
    "multipart/form-data; boundary=application/json",
)
CODINGS = ("", "identity", "gzip", "GZIP, identity", "br;q=1", "\x00", ",")
OTHER_HEADERS = ("host", "content-length", "transfer-encoding", "x-forwarded-for", "cookie", "expect")
NO_BASE64 = ("=", "\n", "é", "%%", "\ud800", "A", "====")
