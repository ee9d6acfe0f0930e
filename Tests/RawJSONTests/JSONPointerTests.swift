import RawJSON
import Testing

@Suite("JSON pointer")
struct JSONPointerTests {
    /// The example document of RFC 6901, section 5.
    static let document = Array(
        #"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#.utf8)

    private func value(_ pointer: String, in document: [UInt8]) throws(JSONPointerError) -> String? {
        try JSONPointer.find(pointer, in: document).map { String(decoding: document[$0.range], as: UTF8.self) }
    }

    @Test(
        "the examples of RFC 6901",
        arguments: [
            ("/foo", #"["bar","baz"]"#), ("/foo/0", #""bar""#), ("/", "0"), ("/a~1b", "1"), ("/c%d", "2"),
            ("/e^f", "3"), ("/g|h", "4"),
            (#"/i\j"#, "5"), (#"/k"l"#, "6"), ("/ ", "7"), ("/m~0n", "8"),
        ])
    func rfcExamples(_ pointer: String, expected: String) throws {
        #expect(try value(pointer, in: Self.document) == expected)
    }

    @Test("the empty pointer names the whole document, without white space around it")
    func wholeDocument() throws {
        #expect(try value("", in: Array(" [1] ".utf8)) == "[1]")
        #expect(try JSONPointer.find("", in: Array(" [1] ".utf8)) == JSONToken(range: 1..<4, kind: .array))
    }

    @Test(
        "missing values are nil",
        arguments: [
            "/x", "/foo/2", "/foo/-", "/foo/00", "/foo/01", "/foo/+1", "/foo/", "/foo/x", "/foo/0/x",
            "/foo/99999999999999999999", "/a~1b/0",
        ])
    func missing(_ pointer: String) throws {
        #expect(try value(pointer, in: Self.document) == nil)
    }

    @Test(
        "a malformed pointer is an error, wherever it is malformed",
        arguments: ["foo", "/~", "/~2", "/foo/~x", "/missing/~", "/foo/9/a~"])
    func malformedPointer(_ pointer: String) {
        #expect(throws: JSONPointerError.malformedPointer) { try JSONPointer.find(pointer, in: Self.document) }
    }

    @Test("a malformed document is an error", arguments: ["", " ", "{", "x", #"{"a":tru}"#, #"{"a":1,}"#])
    func malformedDocument(_ text: String) {
        #expect(throws: JSONPointerError.malformedDocument) { try JSONPointer.find("", in: Array(text.utf8)) }
        guard text != "x" else { return }
        #expect(throws: JSONPointerError.malformedDocument) { try JSONPointer.find("/a", in: Array(text.utf8)) }
    }

    @Test("an array is read up to the named element, and an error before it is reported")
    func faultsInArrays() throws {
        let document = Array("[1,[2,x],3]".utf8)
        #expect(try value("/0", in: document) == "1")
        #expect(throws: JSONPointerError.malformedDocument) { try JSONPointer.find("/1", in: document) }
        #expect(throws: JSONPointerError.malformedDocument) { try JSONPointer.find("/2", in: document) }
    }

    @Test("keys are compared decoded")
    func escapedKeys() throws {
        let document = Array(
            #"{"\u0061":1,"\u00e9\ud83d\ude00":2,"x\ty":3,"\/\u007e":4,"plain":5,"pl\u0061in2":6}"#.utf8)
        #expect(try value("/a", in: document) == "1")
        #expect(try value("/é😀", in: document) == "2")
        #expect(try value("/x\ty", in: document) == "3")
        #expect(try value("/~1~0", in: document) == "4")
        #expect(try value("/plain", in: document) == "5")
        #expect(try value("/plain2", in: document) == "6")
        #expect(try value("/plai", in: document) == nil)
        #expect(try value(#"/\u0061"#, in: document) == nil)
    }

    @Test("of duplicate keys the last one counts, as in JSON.parse")
    func duplicates() throws {
        let document = Array(#"{"a":{"x":1},"b":0,"\u0061":{"y":2}}"#.utf8)
        #expect(try value("/a/y", in: document) == "2")
        #expect(try value("/a/x", in: document) == nil)
    }

    @Test("tokens have the value's kind and range")
    func tokens() throws {
        let document = Array(#"{"s":"x","n":-1,"b":false,"z":null,"a":[],"o":{}}"#.utf8)
        let kinds = try ["s", "n", "b", "z", "a", "o"].map { try JSONPointer.find("/\($0)", in: document)?.kind }
        #expect(kinds == [.string, .number, .bool, .null, .array, .object])
        #expect(try JSONPointer.find("/s", in: document)?.range == 5..<8)
    }

    @Test("errors say what to do")
    func messages() {
        #expect(JSONPointerError.malformedPointer.description.contains("begin with '/'"))
        #expect(JSONPointerError.malformedDocument.description == "the document is not valid JSON")
    }
}
