import RawJSON
import Testing

@Suite("JSON walkers")
struct JSONWalkerTests {
    /// The elements that an array walker finds in `text`, and the offset of the end.
    private func walk(array text: String, depthLimit: Int = 128) -> (elements: [String], end: Int?) {
        Array(text.utf8).withUnsafeBytes { bytes in
            var walker = JSONArrayWalker(bytes, depthLimit: depthLimit)
            var elements: [String] = []
            while true {
                switch walker.next() {
                case .element(let range): elements.append(String(decoding: bytes[range], as: UTF8.self))
                case .end(let end): return (elements, end)
                case .malformed: return (elements, nil)
                }
            }
        }
    }

    private func walk(object text: String) -> (members: [String], end: Int?) {
        Array(text.utf8).withUnsafeBytes { bytes in
            var walker = JSONObjectWalker(bytes)
            var members: [String] = []
            while true {
                switch walker.next() {
                case .member(let key, let value):
                    members.append(
                        String(decoding: bytes[key], as: UTF8.self) + "="
                            + String(decoding: bytes[value], as: UTF8.self))
                case .end(let end): return (members, end)
                case .malformed: return (members, nil)
                }
            }
        }
    }

    @Test("an event's name and arguments are returned as written, without surrounding white space")
    func event() {
        let (elements, end) = walk(array: #" [ "message" , {"a": [1, 2]} ,3 ]rest"#)
        #expect(elements == [#""message""#, #"{"a": [1, 2]}"#, "3"])
        #expect(end == 33)
    }

    @Test("an empty array ends at once", arguments: ["[]", "[ ]", " [\n]"])
    func emptyArray(_ text: String) {
        let (elements, end) = walk(array: text)
        #expect(elements.isEmpty)
        #expect(end == text.utf8.count)
    }

    @Test(
        "malformed arrays are reported",
        arguments: ["", "1", "{}", "[", "[1", "[1,", "[1,]", "[,]", "[1 2]", "[tru]", "[1}", "[\"a]"])
    func malformedArray(_ text: String) {
        #expect(walk(array: text).end == nil)
    }

    @Test("elements before the error are returned")
    func faultInTheMiddle() {
        #expect(walk(array: #"["a",1,x]"#).elements == [#""a""#, "1"])
    }

    @Test("the array itself counts as a level of nesting")
    func depth() {
        #expect(walk(array: "[[1]]", depthLimit: 2).end == 5)
        #expect(walk(array: "[[1]]", depthLimit: 1).end == nil)
        #expect(walk(array: "[]", depthLimit: 0).end == nil)
    }

    @Test("members are returned in order, with duplicates, and with the quotes and escapes of keys")
    func members() {
        let (members, end) = walk(object: #" { "a" : 1 , "a":[2],"\u0062" : {"c":3}} "#)
        #expect(members == [#""a"=1"#, #""a"=[2]"#, #""\u0062"={"c":3}"#])
        #expect(end == 40)
        #expect(walk(object: "{ }").end == 3)
    }

    @Test(
        "malformed objects are reported",
        arguments: [
            "", "[]", "{", "{1:2}", #"{"a"}"#, #"{"a":}"#, #"{"a":1"#, #"{"a":1,}"#, #"{"a":1 "b":2}"#, #"{"a":1]"#,
            #"{"a\q":1}"#, "{[]:1}",
        ])
    func malformedObject(_ text: String) {
        #expect(walk(object: text).end == nil)
    }

    @Test("the first byte decides the kind")
    func kinds() {
        for (text, kind) in [
            ("null", JSONKind.null), ("true", .bool), ("false", .bool), ("-1", .number), ("0", .number), ("9", .number),
            ("\"\"", .string),
            ("[]", .array), ("{}", .object),
        ] {
            #expect(text.utf8.first.flatMap(JSONKind.init(firstByte:)) == kind)
        }
        #expect(JSONKind(firstByte: UInt8(ascii: "+")) == nil)
        #expect(JSONKind(firstByte: UInt8(ascii: " ")) == nil)
    }
}
