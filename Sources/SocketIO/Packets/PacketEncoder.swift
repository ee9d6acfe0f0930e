import EngineIO
import RawJSON
import Support

/// Encodes an event once for many receivers. [any-thread]
public enum PacketEncoder {
    /// Encodes an event of `namespace` as complete messages.
    ///
    /// - Parameters:
    ///   - name: UTF-8 text, unquoted.
    ///   - args: a valid JSON array.
    ///   - attachments: the data that the placeholders of `args` refer to. Without attachments, placeholders are plain
    ///     data.
    public static func event(
        namespace: ByteString, name: UnsafeRawBufferPointer, args: UnsafeRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer> = .init(start: nil, count: 0), flags: EmitFlags = []
    ) -> SharedMessage {
        var prefix = namespace == "/" ? "" : namespace.text + ","
        return prefix.withUTF8 {
            message(name: name, args: args, attachments: attachments, flags: flags, prefix: UnsafeRawBufferPointer($0))
        }
    }

    /// Whether `args` are a JSON array in which each placeholder names one of `attachmentCount` attachments. The
    /// emitting functions require this but do not check it.
    public static func isValid(args: UnsafeRawBufferPointer, attachmentCount: Int = 0) -> Bool {
        let start = JSONScanner.skipWhitespace(in: args, from: 0)
        guard JSONScanner.isValid(args), args[start] == UInt8(ascii: "[") else { return false }
        return attachmentCount == 0 || Placeholders(in: args).areInRange(attachmentCount)
    }

    /// Whether an event name is one of the six that client libraries emit themselves. Clients do not accept such
    /// events.
    public static func isReserved(name: UnsafeRawBufferPointer) -> Bool {
        ReservedName.isReserved(name)
    }

    /// - Parameter prefix: ``Namespace/prefix``.
    static func message(
        name: UnsafeRawBufferPointer, args: UnsafeRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>,
        flags: EmitFlags, prefix: UnsafeRawBufferPointer, ackID: UInt64? = nil, offset: RecoveryOffset? = nil
    ) -> SharedMessage {
        BoundArguments.withBound(args, attachments) { args, attachments in
            let writer = PacketWriter(
                name: name, args: args, prefix: prefix, ackID: ackID, attachments: attachments.count, offset: offset)
            return SharedMessage(
                textCount: writer.count, attachments: attachments.map { Array($0) },
                volatile: flags.contains(.volatile),
                compress: !flags.contains(.noCompress)
            ) { writer.write(to: $0) }
        }
    }
}

/// Writes the text of a packet. The exact length is known before the first byte is written, so that the text can be
/// written directly into a session's output.
///
/// Valid as long as the pointers that it was created from.
struct PacketWriter {
    /// The packet type, the first digit.
    private let kind: SocketPacket.Kind
    private let attachments: Int
    private let prefix: UnsafeRawBufferPointer
    private let ackID: UInt64?
    /// The event name, unquoted; `nil` for an ack.
    private let name: UnsafeRawBufferPointer?
    private let quotedNameCount: Int
    /// The arguments without the brackets.
    private let args: UnsafeRawBufferPointer
    /// The recovery offset, appended as the last argument.
    private let offset: RecoveryOffset?

    let count: Int

    /// An event, or an ack if `name` is `nil`.
    ///
    /// - Parameters:
    ///   - prefix: ``Namespace/prefix``.
    ///   - args: a valid JSON array.
    init(
        name: UnsafeRawBufferPointer?, args: UnsafeRawBufferPointer, prefix: UnsafeRawBufferPointer,
        ackID: UInt64? = nil,
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

    /// The bytes between the brackets of an array, without leading white space.
    @inline(__always)
    private static func elements(of array: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var start = 0
        var end = array.count
        // In valid JSON every byte `<= " "` here is white space. One bracket is removed at each end.
        while start < end, array[start] <= 0x20 { start += 1 }
        while end > start, array[end - 1] <= 0x20 { end -= 1 }
        guard end - start > 2 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        start += 1
        end -= 1
        while start < end, array[start] <= 0x20 { start += 1 }
        return UnsafeRawBufferPointer(rebasing: array[start..<end])
    }

    /// The length of the quoted name. The fast path is for names that need no escape, which are most.
    @inline(__always)
    private static func quotedCount(_ name: UnsafeRawBufferPointer) -> Int {
        for byte in name where byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
            return JSONText.quote(name, into: UnsafeMutableRawBufferPointer(start: nil, count: 0))
        }
        return name.count + 2
    }
}

/// Writes consecutive values into a buffer whose size was computed before.
struct ByteCursor {
    private let buffer: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init(_ buffer: UnsafeMutableRawBufferPointer) {
        self.buffer = buffer
    }

    @inline(__always)
    mutating func write(_ byte: UInt8) {
        buffer[count] = byte
        count &+= 1
    }

    @inline(__always)
    mutating func write(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        write(bytes.count) { $0.copyMemory(from: UnsafeRawBufferPointer(start: source, count: $0.count)) }
    }

    @inline(__always)
    mutating func write(_ text: StaticString) {
        write(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Calls `fill` to write the next `length` bytes.
    @inline(__always)
    mutating func write(_ length: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void) {
        fill(UnsafeMutableRawBufferPointer(rebasing: buffer[count..<count &+ length]))
        count &+= length
    }

    @inline(__always)
    mutating func write(decimal number: UInt64) {
        let digits = Decimal.count(number)
        var rest = number
        var at = count &+ digits
        repeat {
            at &-= 1
            buffer[at] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while at > count
        count &+= digits
    }
}

/// Decimal digits of numbers.
enum Decimal {
    /// How many digits `number` has.
    @inline(__always)
    static func count(_ number: UInt64) -> Int {
        var count = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            count &+= 1
        }
        return count
    }
}
