import Testing

@testable import SocketIO

@Suite struct PacketWriterTests {
    @Test(
        "an event is written without white space before its arguments",
        arguments: [
            ("a", "[]", "", #"2["a"]"#), ("a", "[1,{\"b\": 2}]", "", #"2["a",1,{"b": 2}]"#),
            ("a", " [ 1 ] ", "", #"2["a",1 ]"#),
            ("a", "[ ]", "", #"2["a"]"#), ("a", "[1]", "/chat,", #"2/chat,["a",1]"#), ("", "[]", "", #"2[""]"#),
            ("a\"b\\c\n", "[]", "", #"2["a\"b\\c\n"]"#), ("grüß", "[\"ß\"]", "", "2[\"grüß\",\"ß\"]"),
            ("\u{1}", "[]", "", #"2["\u0001"]"#),
        ])
    func event(name: String, args: String, prefix: String, expected: String) {
        #expect(write(name, args, prefix: prefix) == expected)
    }

    @Test("an event may request an ack") func eventWithAck() {
        #expect(write("a", "[1]", ackID: 0) == #"20["a",1]"#)
        #expect(write("a", "[]", prefix: "/chat,", ackID: 120) == #"2/chat,120["a"]"#)
    }

    @Test("an ack has its id and arguments") func ack() {
        #expect(write(nil, "[]", ackID: 7) == "37[]")
        #expect(
            write(nil, "[true,null]", prefix: "/chat,", ackID: UInt64.max) == "3/chat,18446744073709551615[true,null]")
    }

    @Test("attachments make the packet binary and are counted") func binary() {
        #expect(write("a", "[0]", attachments: 1) == #"51-["a",0]"#)
        #expect(write("a", "[0]", prefix: "/chat,", ackID: 3, attachments: 12) == #"512-/chat,3["a",0]"#)
        #expect(write(nil, "[0]", ackID: 3, attachments: 2) == "62-3[0]")
    }

    @Test("an offset is the last argument, as text") func offset() {
        #expect(write("a", "[]", offset: RecoveryOffset(35)) == #"2["a","z"]"#)
        #expect(write("a", "[1]", offset: RecoveryOffset(36)) == #"2["a",1,"10"]"#)
    }

    private func write(
        _ name: String?, _ args: String, prefix: String = "", ackID: UInt64? = nil, attachments: Int = 0,
        offset: RecoveryOffset? = nil
    ) -> String {
        Array(prefix.utf8).withUnsafeBytes { prefix in
            withBytes(name ?? "", args, []) { bytes, args, _ in
                let writer = PacketWriter(
                    name: name == nil ? nil : bytes, args: args, prefix: prefix, ackID: ackID, attachments: attachments,
                    offset: offset)
                var output = [UInt8](repeating: 0xEE, count: writer.count)
                output.withUnsafeMutableBytes { writer.write(to: $0) }
                return String(decoding: output, as: UTF8.self)
            }
        }
    }
}

@Suite struct DecimalTests {
    @Test(
        "the digits of a number are counted", arguments: [(0, 1), (9, 1), (10, 2), (99, 2), (100, 3), (UInt64.max, 20)])
    func counts(number: UInt64, digits: Int) {
        #expect(Decimal.count(number) == digits)
    }
}
