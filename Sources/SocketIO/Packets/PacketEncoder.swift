import EngineIO
import RawJSON
import Support

/// Encodes an event once for many receivers. [any-thread]
public enum PacketEncoder {
    /// An event of `namespace` as complete messages.
    ///
    /// - Parameters:
    ///   - name: UTF-8 text; quoted here.
    ///   - args: a valid JSON array.
    ///   - attachments: what the placeholders of `args` stand for; without attachments, placeholders are plain data.
    public static func event(
        namespace: ByteString, name: UnsafeRawBufferPointer, args: UnsafeRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer> = .init(start: nil, count: 0), flags: EmitFlags = []
    ) -> SharedMessage {
        var prefix = namespace == "/" ? "" : namespace.text + ","
        return prefix.withUTF8 {
            message(name: name, args: args, attachments: attachments, flags: flags, prefix: UnsafeRawBufferPointer($0))
        }
    }

    /// Whether `args` are a JSON array in which every placeholder names one of `attachmentCount` attachments: what the
    /// functions that emit take on trust.
    public static func isValid(args: UnsafeRawBufferPointer, attachmentCount: Int = 0) -> Bool {
        let start = JSONScanner.skipWhitespace(in: args, from: 0)
        guard JSONScanner.isValid(args), args[start] == UInt8(ascii: "[") else { return false }
        return attachmentCount == 0 || Placeholders(in: args).areInRange(attachmentCount)
    }

    /// Whether a client would take an event of this name: the six that client libraries emit themselves are reserved.
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

/// The text of a packet in parts, so that its exact length is known before a byte is written: it goes straight
/// into a session's output.
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

/// Writes one thing after the other into a buffer whose size was computed before.
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

    /// Lets `fill` write the next `length` bytes.
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

/// Numbers as the digits people write.
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
