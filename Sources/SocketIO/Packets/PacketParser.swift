import RawJSON

/// Parses the text of a packet. Accepts the texts that socket.io-parser 4.2 accepts, and refuses the others.
///
/// ```text
/// <type>[<attachments>-][<namespace>,][<ack id>][<JSON payload>]
/// ```
///
/// The payload is validated in one pass, which also finds an event's name and the position of its first argument.
/// Nothing is allocated. Stricter than the reference: the attachment count consists of digits only (`1e0-` is refused),
/// a blank is not a type, an ack id fits in 64 bits, a name has at most ``maxEventNameLength`` bytes, and nesting is
/// limited by `JSONScanner.maximumDepth`.
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
            // A client may write the main namespace as `/`.
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
        // The caller closes the connection whatever the payload: clients must not send CONNECT_ERROR.
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
        // A missing number is 0 in the reference as well.
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
            // The reference accepts blanks as digits and then converts the text as JavaScript does: only blanks are 0,
            // blanks around the digits are ignored, blanks between digits are an error.
            let leading = id == 0
            while at < text.count, isBlank(text[at]) { at += 1 }
            if at < text.count, isDigit(text[at]) {
                guard leading else { throw .malformedAckID }
                return try ackID(in: text, from: &at)
            }
        }
        return id <= 1 << 53 ? id : try rounded(id)
    }

    /// Above 2⁵³ the client's own id is a double: returns the digits that JavaScript would print for it.
    private static func rounded(_ id: UInt64) throws(PacketError) -> UInt64 {
        // The shortest digits that identify the double, and the exponent: "1.2345678901234567e+19".
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
        // The reference drops an event without a payload; here the caller gets an empty range.
        guard !payload.isEmpty else { return }
        try Self.require("[", in: text, payload)
        // The payload is valid from here on, so the code below cannot read past its end.
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

    /// The offset after the valid string that begins at `start`.
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

    /// Checks that `range` is empty or one JSON value that begins with `opening`.
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

    /// The first offset of `byte` at or after `start`; the end of `text` if there is none.
    @inline(__always)
    private static func find(_ byte: UInt8, in text: UnsafeRawBufferPointer, from start: Int) -> Int {
        var at = start
        while at < text.count, text[at] != byte { at += 1 }
        return at
    }
}

/// Why a text is not a packet that the reference would accept. Each error closes the connection.
enum PacketError: Error, Equatable {
    case empty
    case unknownKind
    case malformedAttachmentCount
    case tooManyAttachments
    /// Blanks between digits, or more than 64 bits.
    case malformedAckID
    case malformedPayload
    /// Valid JSON, but of the wrong type for this kind of packet.
    case unfitPayload
    case reservedName
    case nameTooLong
    /// A placeholder that names none of the attachments.
    case malformedPlaceholder
    /// A text packet while attachments are still expected.
    case attachmentMissing
    /// An attachment that no packet has announced.
    case unexpectedAttachment
    case attachmentsTooLarge
}

/// Event names that all client libraries emit themselves, so that no client may send them.
enum ReservedName {
    private static let all: [StaticString] = [
        "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener",
    ]

    /// Whether the string at `token` (quotes included) is one of these names, after decoding its escapes.
    @inline(__always)
    static func isReserved(_ text: UnsafeRawBufferPointer, _ token: Range<Int>) -> Bool {
        // All names begin with one of four letters, which may also be escaped.
        switch text[token.lowerBound + 1] {
        case UInt8(ascii: "c"), UInt8(ascii: "d"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "\\"):
            let name = UnsafeRawBufferPointer(rebasing: text[token])
            return JSONText.isEqual(name, to: "connect") || JSONText.isEqual(name, to: "connect_error")
                || JSONText.isEqual(name, to: "disconnect") || JSONText.isEqual(name, to: "disconnecting")
                || JSONText.isEqual(name, to: "newListener") || JSONText.isEqual(name, to: "removeListener")
        default: return false
        }
    }

    /// Whether `name` (UTF-8, escapes decoded) is one of these names, which a server must not emit either.
    static func isReserved(_ name: UnsafeRawBufferPointer) -> Bool {
        all.contains { reserved in
            name.count == reserved.utf8CodeUnitCount
                && name.elementsEqual(
                    UnsafeRawBufferPointer(start: reserved.utf8Start, count: reserved.utf8CodeUnitCount))
        }
    }
}
