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

    /// Whether `args` are a JSON array in which every placeholder names one of `attachmentCount` attachments: what the functions that
    /// emit take on trust.
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
        name: UnsafeRawBufferPointer, args: UnsafeRawBufferPointer, attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>,
        flags: EmitFlags, prefix: UnsafeRawBufferPointer, ackID: UInt64? = nil, offset: RecoveryOffset? = nil
    ) -> SharedMessage {
        BoundArguments.withBound(args, attachments) { args, attachments in
            let writer = PacketWriter(
                name: name, args: args, prefix: prefix, ackID: ackID, attachments: attachments.count, offset: offset)
            return SharedMessage(
                textCount: writer.count, attachments: attachments.map { Array($0) }, volatile: flags.contains(.volatile),
                compress: !flags.contains(.noCompress)
            ) { writer.write(to: $0) }
        }
    }
}
