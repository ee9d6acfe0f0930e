import RawJSON

/// The text of a packet in parts, so that its exact length is known before a byte is written: it goes straight into a session's output.
///
/// Valid as long as the pointers it was made from.
struct PacketWriter {
    /// The packet's type, a digit.
    private let kind: SocketPacket.Kind
    private let attachments: Int
    private let prefix: UnsafeRawBufferPointer
    private let ackID: UInt64?
    /// Event name, to be quoted; `nil` for an ack.
    private let name: UnsafeRawBufferPointer?
    private let quotedNameCount: Int
    /// What stands between the brackets of the arguments.
    private let args: UnsafeRawBufferPointer
    /// An offset of recovery, appended as the last argument.
    private let offset: RecoveryOffset?

    let count: Int

    /// An event, or an ack if `name` is `nil`.
    ///
    /// - Parameters:
    ///   - prefix: ``Namespace/prefix``.
    ///   - args: a valid JSON array.
    init(
        name: UnsafeRawBufferPointer?, args: UnsafeRawBufferPointer, prefix: UnsafeRawBufferPointer, ackID: UInt64? = nil,
        attachments: Int = 0, offset: RecoveryOffset? = nil
    ) {
        self.kind = name == nil ? (attachments == 0 ? .ack : .binaryAck) : (attachments == 0 ? .event : .binaryEvent)
        self.attachments = attachments
        self.prefix = prefix
        self.ackID = ackID
        self.name = name
        self.args = Self.elements(of: args)
        self.offset = offset
        var count = 3 + prefix.count + self.args.count
        if attachments > 0 { count += Decimal.count(UInt64(attachments)) + 1 }
        if let ackID { count += Decimal.count(ackID) }
        var elements = self.args.isEmpty ? 0 : 1
        if let name {
            quotedNameCount = Self.quotedCount(name)
            count += quotedNameCount
            elements += 1
        } else {
            quotedNameCount = 0
        }
        if let offset {
            count += offset.count + 2
            elements += 1
        }
        self.count = count + max(0, elements - 1)
    }

    func write(to buffer: UnsafeMutableRawBufferPointer) {
        var output = ByteCursor(buffer)
        output.write(UInt8(ascii: "0") + kind.rawValue)
        if attachments > 0 {
            output.write(decimal: UInt64(attachments))
            output.write(UInt8(ascii: "-"))
        }
        output.write(prefix)
        if let ackID { output.write(decimal: ackID) }
        var separator = UInt8(ascii: "[")
        if let name {
            output.write(separator)
            separator = UInt8(ascii: ",")
            if quotedNameCount == name.count + 2 {
                output.write(UInt8(ascii: "\""))
                output.write(name)
                output.write(UInt8(ascii: "\""))
            } else {
                output.write(quotedNameCount) { _ = JSONText.quote(name, into: $0) }
            }
        }
        if !args.isEmpty {
            output.write(separator)
            separator = UInt8(ascii: ",")
            output.write(args)
        }
        if let offset {
            output.write(separator)
            separator = UInt8(ascii: ",")
            output.write(UInt8(ascii: "\""))
            output.write(offset.count) { offset.write(to: $0) }
            output.write(UInt8(ascii: "\""))
        }
        if separator == UInt8(ascii: "[") { output.write(separator) }
        output.write(UInt8(ascii: "]"))
    }

    /// What stands between the brackets of an array, without white space at either end.
    @inline(__always)
    private static func elements(of array: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var start = 0
        var end = array.count
        // `<= " "` is all white space there can be in valid JSON. Brackets come off one each.
        while start < end, array[start] <= 0x20 { start += 1 }
        while end > start, array[end - 1] <= 0x20 { end -= 1 }
        guard end - start > 2 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        start += 1
        end -= 1
        while start < end, array[start] <= 0x20 { start += 1 }
        return UnsafeRawBufferPointer(rebasing: array[start..<end])
    }

    /// Names are short and hardly ever need an escape.
    @inline(__always)
    private static func quotedCount(_ name: UnsafeRawBufferPointer) -> Int {
        for byte in name where byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
            return JSONText.quote(name, into: UnsafeMutableRawBufferPointer(start: nil, count: 0))
        }
        return name.count + 2
    }
}
