import Testing

@testable import SocketIO

@Suite struct PacketParserTests {
    // MARK: - Accepted

    @Test(
        "a CONNECT may name its namespace in any of the ways clients do",
        arguments: [
            ("0", ""), ("0/", ""), ("0/,", ""), ("0/chat", "/chat"), ("0/chat,", "/chat"), ("0/public/,", "/public/"),
            ("0/a?b=c,", "/a?b=c"),
        ])
    func connect(text: String, namespace: String) throws {
        let packet = try Parsed(text)
        #expect(packet.kind == .connect)
        #expect(packet.namespace == namespace)
        #expect(packet.payload == "")
    }

    @Test("a CONNECT's payload is an object") func connectPayload() throws {
        #expect(try Parsed(#"0{"token":"x"}"#).payload == #"{"token":"x"}"#)
        #expect(try Parsed(#"0/chat,{"a":1}"#).payload == #"{"a":1}"#)
        #expect(try Parsed("0{}").payload == "{}")
    }

    @Test("a number after CONNECT is parsed as an ack id") func connectAckID() throws {
        #expect(try Parsed("012").ackID == 12)
    }

    @Test("a DISCONNECT needs no comma", arguments: [("1", ""), ("1/chat", "/chat"), ("1/chat,", "/chat")])
    func disconnect(text: String, namespace: String) throws {
        let packet = try Parsed(text)
        #expect(packet.kind == .disconnect)
        #expect(packet.namespace == namespace)
    }

    @Test(
        "an event has a name and arguments",
        arguments: [
            (#"2["a"]"#, "a", nil), (#"2["a",1]"#, "a", ",1]"), (#"2["a",{"b":[2]},"c"]"#, "a", #",{"b":[2]},"c"]"#),
            (#"2[""]"#, "", nil),
            (#"2[ "a" , 1 ]"#, "a", ", 1 ]"), (#"2["a" ]"#, "a", nil), (#"2[1,"x"]"#, "1", #","x"]"#),
            ("2[-1.5e3]", "-1.5e3", nil),
            (#"2["connected"]"#, "connected", nil), (#"2["error"]"#, "error", nil),
        ] as [(String, String, String?)])
    func event(text: String, name: String, rest: String?) throws {
        let packet = try Parsed(text)
        #expect(packet.kind == .event)
        #expect(packet.name == name)
        #expect(packet.rest == rest)
        #expect(packet.ackID == nil)
    }

    @Test("an event without a payload is a packet") func emptyEvent() throws {
        #expect(try Parsed("2").payload == "")
        #expect(try Parsed("2/chat,").namespace == "/chat")
    }

    @Test("namespace and ack id precede the payload") func head() throws {
        let packet = try Parsed(#"2/chat,12["a","b"]"#)
        #expect(packet.namespace == "/chat")
        #expect(packet.ackID == 12)
        #expect(packet.name == "a")
        #expect(packet.rest == #","b"]"#)
    }

    @Test(
        "an ack id is parsed as JavaScript parses it",
        arguments: [
            ("0", 0), ("7", 7), ("007", 7), (" ", 0), (" 5", 5), ("5 ", 5), ("  ", 0),
            ("9007199254740991", 9_007_199_254_740_991),
            ("9007199254740993", 9_007_199_254_740_992), ("12345678901234567890", 12_345_678_901_234_567_000),
        ] as [(String, UInt64)])
    func ackID(digits: String, id: UInt64) throws {
        #expect(try Parsed("2\(digits)[\"a\"]").ackID == id)
    }

    @Test("an ack's payload is an array or absent") func ack() throws {
        #expect(try Parsed("31[1,2]").payload == "[1,2]")
        #expect(try Parsed("31").payload == "")
        #expect(try Parsed("3[]").ackID == nil)
    }

    @Test("a binary packet says how many attachments follow") func binary() throws {
        let packet = try Parsed(#"52-/chat,7["a",{"_placeholder":true,"num":0}]"#)
        #expect(packet.kind == .binaryEvent)
        #expect(packet.attachments == 2)
        #expect(packet.namespace == "/chat")
        #expect(packet.ackID == 7)
        #expect(packet.name == "a")
        #expect(try Parsed("510-[\"a\"]").attachments == 10)
        #expect(try Parsed("5-[\"a\"]").attachments == 0)
        #expect(try Parsed("61-3[]").kind == .binaryAck)
    }

    @Test("an escaped name is recognised") func escapedName() throws {
        #expect(try Parsed(#"2["\u0061"]"#).nameIsEscaped)
        #expect(try !Parsed(#"2["a","\n"]"#).nameIsEscaped)
    }

    // MARK: - Refused

    @Test(
        "a text that begins with no packet type is refused",
        arguments: ["7[\"a\"]", "8", "9", "x", "-", " [\"a\"]", "{}"])
    func unknownKind(text: String) {
        #expect(throws: PacketError.unknownKind) { try Parsed(text) }
    }

    @Test("an empty text is refused") func empty() {
        #expect(throws: PacketError.empty) { try Parsed("") }
    }

    @Test(
        "an attachment count is digits and a dash",
        arguments: [#"51["a"]"#, #"5a-["a"]"#, #"51.5-["a"]"#, #"51"#, #"5"#, #"5 1-["a"]"#])
    func attachmentCount(text: String) {
        #expect(throws: PacketError.malformedAttachmentCount) { try Parsed(text) }
    }

    @Test("eleven attachments are too many", arguments: ["511-[\"a\"]", "599999999999999999999999-[\"a\"]"])
    func tooManyAttachments(text: String) {
        #expect(throws: PacketError.tooManyAttachments) { try Parsed(text) }
    }

    @Test(
        "an ack id has no blanks between digits and fits in 64 bits",
        arguments: ["21 2[\"a\"]", "2 1 2[\"a\"]", "2123456789012345678901234567890[\"a\"]"])
    func badAckID(text: String) {
        #expect(throws: PacketError.malformedAckID) { try Parsed(text) }
    }

    @Test(
        "a payload is strict JSON",
        arguments: [
            #"2["a""#, #"2["a",]"#, #"2["a"]x"#, #"2["a"/**/]"#, #"2["a",NaN]"#, #"2["a",01]"#, "2['a']", "2[\"a\n\"]",
            #"0{"a":"#, #"2-1["a"]"#,
            #"21.5["a"]"#, #"2["a" "b"]"#, "3[1,]", "2[\"\u{1}\"]",
        ])
    func malformed(text: String) {
        #expect(throws: PacketError.malformedPayload) { try Parsed(text) }
    }

    @Test(
        "a payload has the JSON type of its packet type",
        arguments: [
            "2null", #"2{"a":1}"#, #"2"a""#, "2[]", "2[null]", "2[true]", #"2[{"a":1}]"#, #"2[["a"]]"#,
            #"51-[{"_placeholder":true,"num":0}]"#,
            "0[]", "0null", #"0"x""#, #"31{"a":1}"#, #"3"x""#, "1{}", "1[]", "1null",
        ])
    func unfit(text: String) {
        #expect(throws: PacketError.unfitPayload) { try Parsed(text) }
    }

    @Test(
        "reserved event names are refused in every escaped form",
        arguments: [
            "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener",
            #"c\u006fnnect"#, #"\u0063onnect"#,
        ])
    func reserved(name: String) {
        #expect(throws: PacketError.reservedName) { try Parsed("2[\"\(name)\",1]") }
    }

    @Test("an event's name is limited in length") func longName() throws {
        #expect(try Parsed("2[\"\(String(repeating: "x", count: 512))\"]").name.count == 512)
        #expect(throws: PacketError.nameTooLong) { try Parsed("2[\"\(String(repeating: "x", count: 513))\"]") }
    }

    @Test("nesting is limited") func deep() throws {
        func nested(_ depth: Int) -> String {
            "2[\"a\"," + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "]"
        }
        #expect(throws: Never.self) { try Parsed(nested(127)) }
        #expect(throws: PacketError.malformedPayload) { try Parsed(nested(128)) }
    }

    @Test("a truncated packet is not read past its end") func truncated() {
        let whole = Array(#"52-/chat,12["a\u0041",{"_placeholder":true,"num":0},-1.5e3]"#.utf8)
        for count in 0...whole.count {
            // A separate allocation for each length, so that a sanitizer detects a read past the end.
            Array(whole.prefix(count)).withUnsafeBytes { _ = try? PacketParser().parse($0) }
        }
    }
}

/// A packet with the texts of its ranges.
private struct Parsed {
    let kind: SocketPacket.Kind
    let attachments: Int
    let namespace: String
    let ackID: UInt64?
    let payload: String
    let name: String
    let nameIsEscaped: Bool
    let rest: String?

    init(_ text: String) throws(PacketError) {
        let bytes = Array(text.utf8)
        let packet: SocketPacket
        do {
            packet = try bytes.withUnsafeBytes { try PacketParser().parse($0) }
        } catch let error as PacketError {
            throw error
        } catch {
            preconditionFailure("parse throws nothing else")
        }
        func slice(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        kind = packet.kind
        attachments = packet.attachments
        namespace = slice(packet.namespace)
        ackID = packet.ackID
        payload = slice(packet.payload)
        name = slice(packet.name)
        nameIsEscaped = packet.nameIsEscaped
        rest = packet.comma.map { slice($0..<bytes.count) }
    }
}
