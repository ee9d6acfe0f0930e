import CJackfield
import SocketIO

/// Texts copied into one block, so that pointers to them in the header's structures stay valid.
///
/// `@unchecked Sendable`: the block is written by `init` and freed by `deinit` only.
final class TextPack: @unchecked Sendable {
    private let base: UnsafeMutableRawPointer
    private let ends: [Int]

    enum Part {
        case text(String)
        case bytes([UInt8])
    }

    convenience init(_ parts: [Part]) {
        self.init(
            parts,
            count: { part in
                switch part {
                case .text(let text): text.utf8.count
                case .bytes(let bytes): bytes.count
                }
            },
            copy: { part, buffer in
                switch part {
                case .text(let text): buffer.copyBytes(from: text.utf8)
                case .bytes(let bytes): buffer.copyBytes(from: bytes)
                }
            })
    }

    /// Copies borrowed bytes.
    convenience init(copying parts: [UnsafeRawBufferPointer]) {
        self.init(parts, count: \.count, copy: { $1.copyMemory(from: $0) })
    }

    private init<Element>(
        _ parts: [Element], count: (Element) -> Int, copy: (Element, UnsafeMutableRawBufferPointer) -> Void
    ) {
        var end = 0
        ends = parts.map { part in
            end += count(part)
            return end
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, end), alignment: 1)
        var start = 0
        for (index, part) in parts.enumerated() {
            copy(part, UnsafeMutableRawBufferPointer(rebasing: buffer[start..<ends[index]]))
            start = ends[index]
        }
        // At least one byte was allocated, so there is a base address.
        base = buffer.baseAddress!
    }

    deinit {
        base.deallocate()
    }

    /// The part at `index`; valid as long as this object.
    subscript(index: Int) -> jf_text { jf_text(bytes(index)) }

    /// The bytes of the part at `index`; valid as long as this object.
    func bytes(_ index: Int) -> UnsafeRawBufferPointer {
        let start = index == 0 ? 0 : ends[index - 1]
        return UnsafeRawBufferPointer(start: base + start, count: ends[index] - start)
    }

    var indices: Range<Int> { ends.indices }

    /// Bytes of all parts, for budgets.
    var count: Int { ends.last ?? 0 }
}

/// A copy of a plugin's message that outlives the call. Immutable.
final class MessageCopy: Sendable {
    /// Name, arguments, then the attachments.
    private let pack: TextPack
    let flags: EmitFlags

    init(
        _ name: UnsafeRawBufferPointer, _ args: UnsafeRawBufferPointer,
        _ attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ flags: EmitFlags
    ) {
        pack = TextPack(copying: [name, args] + attachments)
        self.flags = flags
    }

    /// Bytes of all parts.
    var bytes: Int { pack.count }

    /// Passes the parts to `body`; they are valid for the call.
    func withParts(
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Void
    ) {
        withExtendedLifetime(pack) {
            pack.indices.dropFirst(2).map { pack.bytes($0) }.withUnsafeBufferPointer {
                body(pack.bytes(0), pack.bytes(1), $0)
            }
        }
    }
}
