/// JSON that has broken programs before: limits of numbers, texts and nesting.
enum HostileValues {
    /// JSON strings, with their quotes.
    static let strings = terminatedStrings + [#""\u0000""#, #""a\u0000b""#]

    /// JSON strings without U+0000.
    static let terminatedStrings: [String] = [
        #""""#, #""a""#, #"" ""#, #""null""#, #""0""#, #""%s%n%x""#, #""../../etc/passwd""#, #""'; DROP TABLE x; --""#,
        #""<script>alert(1)</script>""#, #""\"\\\/\b\f\n\r\t""#, #""é""#, #""e\u0301""#, #""\u212A""#,
        #""\ud83d\ude00""#,
        #""😀👩‍👩‍👧‍👦""#, #""\ud800""#, #""\udc00\ud800""#, #""\uffff\ufffe""#, #""\u202eabc\u2066""#, #""\u001b[31m""#,
        #""__proto__""#, #""constructor""#, quoted(repeating: "x", 256), quoted(repeating: "x", 257),
        quoted(repeating: "\u{301}", 2_000), quoted(repeating: "ж", 40_000),
    ]

    /// Any JSON values.
    static let values: [String] =
        ["null", "true", "false", "0", "-0", "-1", "1e400", "-1e400", "1e-400", "9007199254740993"]
        + ["123456789012345678901234567890", "0.1", "[]", "{}", "[null]", "[[[[[[[[]]]]]]]]", #"{"":""}"#]
        + [#"{"a":1,"a":2}"#, #"{"__proto__":{"x":1}}"#, #"{"length":-1}"#, #"{"\u0000":null}"#]
        + [#"{"_placeholder":true,"num":0}"#, #"{"_placeholder":true,"num":-1}"#, #"{"_placeholder":1e9}"#]
        + [nested(60), "[" + Array(repeating: "0", count: 5_000).joined(separator: ",") + "]"]
        + ["{" + (0..<500).map { #""k\#($0)":\#($0)"# }.joined(separator: ",") + "}"]
        + strings

    /// Arrays of arguments: none, one, many, large.
    static let arguments: [String] =
        ["[]", "[ ]", "[null,null,null,null]"] + values.map { "[\($0)]" }
        + ["[" + Array(repeating: "1", count: 100).joined(separator: ",") + "]"]
        + [#"["a","b",3]"#, #"[{"id":1},{"id":2}]"#, #"[{"user":"alice","room":"r","limit":-1,"body":null}]"#]
        + ["[" + quoted(repeating: "y", 900_000) + "]"]

    /// Arguments with attachments, whose placeholders are right.
    static let withAttachments: [GeneratedArguments] = [
        GeneratedArguments(json: Array(#"[{"_placeholder":true,"num":0}]"#.utf8), attachments: [[]]),
        GeneratedArguments(
            json: Array(#"["a",{"_placeholder":true,"num":0},{"b":{"num":1,"_placeholder":true}}]"#.utf8),
            attachments: [[0], [0xFF, 0xFE, 0, 1]]),
        GeneratedArguments(
            json: Array(
                ("[" + (0..<10).map { #"{"_placeholder":true,"num":\#($0)}"# }.joined(separator: ",") + "]").utf8),
            attachments: Array(repeating: [1, 2, 3], count: 10)),
        GeneratedArguments(
            json: Array(#"[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#.utf8),
            attachments: [[UInt8](repeating: 0x80, count: 500_000)]),
    ]

    private static func quoted(repeating text: String, _ count: Int) -> String {
        "\"" + String(repeating: text, count: count) + "\""
    }

    private static func nested(_ depth: Int) -> String {
        String(repeating: #"{"a":["#, count: depth / 2) + "1" + String(repeating: "]}", count: depth / 2)
    }
}
