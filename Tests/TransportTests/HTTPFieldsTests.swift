import Testing

@testable import Transport

@Suite struct HTTPFieldsTests {
    @Test func `fields are lines, in the order they were added`() {
        var fields = HTTPFields([("A", "b"), ("C-D", "")])
        fields.add(HTTPFields([("E", "f\tg")]))
        #expect(String(decoding: fields.lines, as: UTF8.self) == "A: b\r\nC-D: \r\nE: f\tg\r\n")
    }

    @Test(arguments: [("", "x"), ("A B", "x"), ("A:", "x"), ("A\r\nB", "x"), ("Ä", "x"), ("A", "x\r\nB: c"), ("A", "x\n"), ("A", "\0"), ("A", "\u{7F}")])
    func `a field that could be read as something else is left out`(name: String, value: String) {
        var fields = HTTPFields()
        let isAdded = fields.add(name, value)
        #expect(!isAdded)
        #expect(fields.lines.isEmpty)
    }

    @Test func `a value that is no UTF-8 is repaired`() {
        let fields = ([0x66, 0xFC, 0x72] as [UInt8]).withUnsafeBytes { HTTPFields(contentType: $0) }
        #expect(String(decoding: fields.lines, as: UTF8.self) == "Content-Type: f\u{FFFD}r\r\n")
    }

    @Test func `the characters of a token are those of RFC 9110`() {
        let others = "!#$%&'*+-.^_`|~"
        for byte in UInt8.min...UInt8.max {
            let character = Character(Unicode.Scalar(byte))
            let expected = byte < 128 && (character.isLetter || character.isNumber || others.contains(character))
            #expect(HTTPSyntax.isTokenCharacter(byte) == expected, "byte \(byte)")
        }
    }
}
