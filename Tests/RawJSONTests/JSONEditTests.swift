import RawJSON
import Testing

@Suite("JSON edit")
struct JSONEditTests {
    private func set(_ value: String, at pointer: String, in document: String) throws(JSONEditError) -> String {
        String(decoding: try JSONEdit.setting(Array(value.utf8), at: pointer, in: Array(document.utf8)), as: UTF8.self)
    }

    @Test(
        "a value is replaced or added, and no other byte changes",
        arguments: [
            (#"{"a": 1, "b":2}"#, "/a", "9", #"{"a": 9, "b":2}"#),
            (#"{"a":1}"#, "/b", "[2]", #"{"a":1,"b":[2]}"#),
            ("{}", "/a", "1", #"{"a":1}"#),
            ("{ }", "/a", "1", #"{ "a":1}"#),
            (#"{"a":1 }"#, "/b", "2", #"{"a":1 ,"b":2}"#),
            (#"{"o":{"p":{}}}"#, "/o/p/q", "true", #"{"o":{"p":{"q":true}}}"#),
            ("{}", "/a~1b~0c\"\n", "1", #"{"a/b~c\"\n":1}"#),
            ("{}", "/", "1", #"{"":1}"#),
            ("[1,2,3]", "/1", "9", "[1,9,3]"),
            ("[1,2]", "/-", "3", "[1,2,3]"),
            ("[1,2]", "/2", "3", "[1,2,3]"),
            ("[]", "/-", "1", "[1]"),
            ("[ ]", "/0", "1", "[ 1]"),
            (#"{"l":[[1]]}"#, "/l/0/-", "2", #"{"l":[[1,2]]}"#),
            (" [1] ", "", "{}", " {} "),
            (#"{"a":1,"a":2}"#, "/a", "3", #"{"a":1,"a":3}"#),
        ])
    func sets(_ document: String, pointer: String, value: String, expected: String) throws {
        #expect(try set(value, at: pointer, in: document) == expected)
        #expect(JSONScanner.isValid(Array(expected.utf8)))
    }

    @Test(
        "errors name the part that is wrong",
        arguments: [
            ("{}", "a", "1", JSONEditError.malformedPointer), ("{}", "/a~", "1", .malformedPointer),
            ("{", "/a", "1", .malformedDocument),
            ("{}x", "/a", "1", .malformedDocument), ("{}", "/a", "", .malformedValue),
            ("{}", "/a", "1 2", .malformedValue),
            ("{}", "/a", "[", .malformedValue), ("{}", "/a/b", "1", .missingParent),
            (#"{"a":1}"#, "/a/b", "1", .missingParent),
            ("[]", "/-/a", "1", .missingParent), ("[1]", "/5", "1", .badIndex), ("[1]", "/x", "1", .badIndex),
            ("[1]", "/01", "1", .badIndex),
        ])
    func errors(_ document: String, pointer: String, value: String, expected: JSONEditError) {
        #expect(throws: expected) { try set(value, at: pointer, in: document) }
        #expect(!expected.description.isEmpty)
    }

    @Test("writing to a caller's buffer returns the length, and never writes past the end")
    func intoBuffer() throws {
        for capacity in 0...20 {
            var buffer = [UInt8](repeating: 0xEE, count: capacity + 4)
            let length = try Array("[2]".utf8).withUnsafeBytes { value in
                try Array("/b".utf8).withUnsafeBytes { pointer in
                    try Array(#"{"a":1}"#.utf8).withUnsafeBytes { document in
                        try buffer.withUnsafeMutableBytes { buffer in
                            try JSONEdit.set(
                                value, at: pointer, in: document,
                                into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<capacity]))
                        }
                    }
                }
            }
            #expect(length == 15)
            #expect(buffer[capacity...].allSatisfy { $0 == 0xEE })
            if capacity >= 15 { #expect(String(decoding: buffer[..<15], as: UTF8.self) == #"{"a":1,"b":[2]}"#) }
        }
    }
}
