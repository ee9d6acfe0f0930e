import RawJSON

/// Reads the text of a packet as socket.io-parser 4.2 does: the same texts are taken, the same refused.
///
/// ```text
/// <type>[<attachments>-][<namespace>,][<ack id>][<JSON payload>]
/// ```
///
/// The payload is validated in one pass, in which an event's name and the place of its first argument are found.
/// Nothing is allocated. Stricter than the reference: the count of attachments is digits only (`1e0-` is refused), the
/// type is no blank, an ack id fits 64 bits, a name is at most ``maxEventNameLength`` bytes, and nesting is bounded by
/// `JSONScanner.maximumDepth`.
struct PacketParser {
    var maxAttachments = 10
    var maxEventNameLength = 512

    func parse(_ text: UnsafeRawBufferPointer) throws(PacketError) -> SocketPacket {
        guard let first = text.first else { throw .empty }
        guard let kind = SocketPacket.Kind(rawValue: first &- UInt8(ascii: "0")) else { throw .unknownKind }
        var packet = SocketPacket(kind: kind)
        var at = 1
        if kind == .binaryEvent || kind == .binaryAck {
            packet.attachments = try attachmentCount(in: text, from: &at)
        }
        if at < text.count, text[at] == UInt8(ascii: "/") {
            let start = at
            at = Self.find(UInt8(ascii: ","), in: text, from: at)
            // `/` alone is how a client may write the main namespace.
            packet.namespace = at == start + 1 ? 0..<0 : start..<at
            if at < text.count { at += 1 }
        }
        if at < text.count, Self.isDigit(text[at]) || Self.isBlank(text[at]) {
            packet.ackID = try Self.ackID(in: text, from: &at)
        }
        packet.payload = at..<text.count
        switch kind {
        case .event, .binaryEvent: try readEvent(text, into: &packet)
        case .ack, .binaryAck: try Self.require("[", in: text, packet.payload)
        case .connect: try Self.require("{", in: text, packet.payload)
        // Closes the connection whatever it carries: clients have no business sending one.
        case .connectError: break
        case .disconnect: guard packet.payload.isEmpty else { throw .unfitPayload }
        }
        return packet
    }

    // MARK: - Head

    private func attachmentCount(in text: UnsafeRawBufferPointer, from at: inout Int) throws(PacketError) -> Int {
        var count = 0
        while at < text.count, Self.isDigit(text[at]) {
            count = count &* 10 &+ Int(text[at] & 0x0F)
            guard count <= maxAttachments else { throw .tooManyAttachments }
            at += 1
        }
        // No digits at all are 0 in the reference, too.
        guard at < text.count, text[at] == UInt8(ascii: "-") else { throw .malformedAttachmentCount }
        at += 1
        return count
    }

    private static func ackID(in text: UnsafeRawBufferPointer, from at: inout Int) throws(PacketError) -> UInt64 {
        var id: UInt64 = 0
        while at < text.count, isDigit(text[at]) {
            let (product, overflow) = id.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(text[at] & 0x0F))
            guard !overflow, !carry else { throw .malformedAckID }
            id = sum
            at += 1
        }
        if at < text.count, isBlank(text[at]) {
            // The reference takes blanks for digits, and then reads the whole as JavaScript reads a number: blanks only
            // are 0, blanks around digits do not matter, blanks between digits make it none.
            let leading = id == 0
            while at < text.count, isBlank(text[at]) { at += 1 }
            if at < text.count, isDigit(text[at]) {
                guard leading else { throw .malformedAckID }
                return try ackID(in: text, from: &at)
            }
        }
        return id <= 1 << 53 ? id : try rounded(id)
    }

    /// Beyond 2⁵³ a client that counts in doubles gets back the digits that JavaScript would print.
    private static func rounded(_ id: UInt64) throws(PacketError) -> UInt64 {
        // The shortest digits that mean the double, and the exponent: "1.2345678901234567e+19".
        let parts = Double(id).description.split(separator: "e")
        let digits = parts[0].filter { $0 != "." }
        guard parts.count == 2, let exponent = Int(parts[1]) else {
            return UInt64(Double(id))
        }
        let padding = String(repeating: "0", count: max(0, exponent + 1 - digits.count))
        guard let value = UInt64(digits.prefix(exponent + 1) + padding) else { throw .malformedAckID }
        return value
    }

    // MARK: - Payload

    private func readEvent(_ text: UnsafeRawBufferPointer, into packet: inout SocketPacket) throws(PacketError) {
        let payload = packet.payload
        // The reference drops an event without a payload; the caller sees an empty range.
        guard !payload.isEmpty else { return }
        try Self.require("[", in: text, payload)
        // All of it is valid now, so that what follows cannot run past its end.
        let open = JSONScanner.skipWhitespace(in: text, from: payload.lowerBound)
        let start = JSONScanner.skipWhitespace(in: text, from: open + 1)
        let end: Int
        switch text[start] {
        case UInt8(ascii: "\""):
            end = Self.endOfString(in: text, from: start, isEscaped: &packet.nameIsEscaped)
            packet.name = start + 1..<end - 1
            guard packet.name.count <= maxEventNameLength else { throw .nameTooLong }
            guard !ReservedName.isReserved(text, start..<end) else { throw .reservedName }
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            guard let number = JSONScanner.endOfValue(in: text, from: start, depthLimit: 0) else {
                throw .malformedPayload
            }
            end = number
            packet.name = start..<end
        default:
            throw .unfitPayload
        }
        let after = JSONScanner.skipWhitespace(in: text, from: end)
        if text[after] == UInt8(ascii: ",") { packet.comma = after }
    }

    /// Where the valid string that begins at `start` ends.
    @inline(__always)
    private static func endOfString(in text: UnsafeRawBufferPointer, from start: Int, isEscaped: inout Bool) -> Int {
        var at = start + 1
        while text[at] != UInt8(ascii: "\"") {
            if text[at] == UInt8(ascii: "\\") {
                isEscaped = true
                at += 1
            }
            at += 1
        }
        return at + 1
    }

    /// Checks that `range` is empty, or one JSON value that begins with `opening`.
    @inline(__always)
    private static func require(_ opening: Unicode.Scalar, in text: UnsafeRawBufferPointer, _ range: Range<Int>)
        throws(PacketError)
    {
        guard !range.isEmpty else { return }
        let start = JSONScanner.skipWhitespace(in: text, from: range.lowerBound)
        guard let end = JSONScanner.endOfValue(in: text, from: start),
            JSONScanner.skipWhitespace(in: text, from: end) == text.count
        else { throw .malformedPayload }
        guard text[start] == UInt8(ascii: opening) else { throw .unfitPayload }
    }

    // MARK: - Bytes

    @inline(__always)
    private static func isDigit(_ byte: UInt8) -> Bool {
        byte &- 0x30 < 10
    }

    @inline(__always)
    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte &- 0x09 < 5
    }

    /// The first offset of `byte` at or after `start`, or the end.
    @inline(__always)
    private static func find(_ byte: UInt8, in text: UnsafeRawBufferPointer, from start: Int) -> Int {
        var at = start
        while at < text.count, text[at] != byte { at += 1 }
        return at
    }
}

/// Why a text is no packet that the reference would take. All of them close the connection.
enum PacketError: Error, Equatable {
    case empty
    case unknownKind
    case malformedAttachmentCount
    case tooManyAttachments
    /// Blanks between digits, or more than 64 bits.
    case malformedAckID
    case malformedPayload
    /// JSON, but not what this kind of packet carries.
    case unfitPayload
    case reservedName
    case nameTooLong
    /// An attachment's place in the payload that names none of the attachments.
    case malformedPlaceholder
    /// Text while attachments are due.
    case attachmentMissing
    /// An attachment that no packet announced.
    case unexpectedAttachment
    case attachmentsTooLarge
}

/// Event names that mean something to every client's library, so that no client may send them.
enum ReservedName {
    private static let all: [StaticString] = [
        "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener",
    ]

    /// Whether the string at `token` (quotes included) means one of them, however it is escaped.
    @inline(__always)
    static func isReserved(_ text: UnsafeRawBufferPointer, _ token: Range<Int>) -> Bool {
        // All begin with one of four letters; an escape may hide any of them.
        switch text[token.lowerBound + 1] {
        case UInt8(ascii: "c"), UInt8(ascii: "d"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "\\"):
            let name = UnsafeRawBufferPointer(rebasing: text[token])
            return JSONText.isEqual(name, to: "connect") || JSONText.isEqual(name, to: "connect_error")
                || JSONText.isEqual(name, to: "disconnect") || JSONText.isEqual(name, to: "disconnecting")
                || JSONText.isEqual(name, to: "newListener") || JSONText.isEqual(name, to: "removeListener")
        default: return false
        }
    }

    /// Whether `name` (UTF-8, escapes decoded) is one of them: a server must not emit those either.
    static func isReserved(_ name: UnsafeRawBufferPointer) -> Bool {
        all.contains { reserved in
            name.count == reserved.utf8CodeUnitCount
                && name.elementsEqual(
                    UnsafeRawBufferPointer(start: reserved.utf8Start, count: reserved.utf8CodeUnitCount))
        }
    }
}
