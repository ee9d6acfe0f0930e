import CIsolation
import Glibc

/// Where things are in the shared memory of a channel, in bytes:
///
///     control page | ring from host to worker | ring from worker to host | reply slots
///
/// Neither side reads sizes or offsets from shared memory after it has attached: the peer could change them.
struct ChannelLayout: Equatable {
    /// A power of two and a multiple of the page size.
    let ringBytes: Int
    let slotCount: Int

    static let pageBytes = 4096
    static let ringRange = 4096...(1 << 30)
    static let slotRange = 1...4096
    /// "JFCHAN" and the version of the layout, the first word of the control page.
    static let magic: UInt64 = 0x4a46_4348_414e_0001

    init(ringBytes: Int, slotCount: Int) throws(ChannelError) {
        guard Self.ringRange.contains(ringBytes), ringBytes & (ringBytes - 1) == 0 else {
            throw ChannelError("a ring of \(ringBytes) bytes: it must be a power of two in \(Self.ringRange)")
        }
        guard Self.slotRange.contains(slotCount) else {
            throw ChannelError("\(slotCount) reply slots: the number must be in \(Self.slotRange)")
        }
        self.ringBytes = ringBytes
        self.slotCount = slotCount
    }

    /// Offset of the ring whose writer is `side`.
    func ring(from side: SharedChannel.Side) -> Int { Self.pageBytes + (side == .host ? 0 : ringBytes) }

    var slots: Int { Self.pageBytes + 2 * ringBytes }
    var slotBytes: Int { slotCount * ReplySlots.stride }
    var bytes: Int { slots + slotBytes }

    /// What both sides share of one ring besides its bytes. The words of the writer and those of the reader are on
    /// separate pairs of cache lines.
    struct RingWords {
        /// `UInt64`, stored by the writer: how many bytes it has ever written.
        let tail: UnsafeMutableRawPointer
        /// `UInt32`: 1 while the reader sleeps. On the writer's line, because the writer loads it for each record.
        let readerSleeps: UnsafeMutableRawPointer
        /// `UInt64`, stored by the reader: how many bytes it has ever read.
        let head: UnsafeMutableRawPointer
        /// `UInt32`: 1 while a writer waits for room. On the reader's line.
        let writerWaits: UnsafeMutableRawPointer

        init(control: UnsafeMutableRawPointer, from side: SharedChannel.Side) {
            let start = control + (side == .host ? 512 : 1024)
            tail = start
            readerSleeps = start + 8
            head = start + 128
            writerWaits = start + 136
        }

        /// Wakes every thread that sleeps on the ring, so that it looks at the state of the channel.
        func wakeAll() {
            for word in [readerSleeps, writerWaits] {
                jf_store32(word, 0)
                jf_futex_wake(word, .max)
            }
        }
    }

    /// Offset in the control page of `UInt32`: 1 after the side has closed its end.
    static func closedWord(of side: SharedChannel.Side) -> Int { side == .host ? 256 : 384 }

    /// Offset in the control page of the worker's ``SharedChannel/activityCount`` activity words, `UInt64` each.
    static let activity = 2048

    /// Writes the sizes for the worker.
    func write(to control: UnsafeMutableRawPointer) {
        control.storeBytes(of: Self.magic, as: UInt64.self)
        control.storeBytes(of: UInt32(ringBytes), toByteOffset: 8, as: UInt32.self)
        control.storeBytes(of: UInt32(slotCount), toByteOffset: 12, as: UInt32.self)
    }

    /// Reads the sizes that the host has written.
    ///
    /// - Parameter size: the size of the file.
    static func read(from control: UnsafeRawPointer, size: Int) throws(ChannelError) -> ChannelLayout {
        let found = control.load(as: UInt64.self)
        guard found == magic else {
            throw ChannelError(
                "the shared memory begins with \(String(found, radix: 16)), expected \(String(magic, radix: 16)): "
                    + "it is no channel, or the host has another version than the worker")
        }
        let layout = try ChannelLayout(
            ringBytes: Int(control.load(fromByteOffset: 8, as: UInt32.self)),
            slotCount: Int(control.load(fromByteOffset: 12, as: UInt32.self)))
        guard layout.bytes == size else {
            throw ChannelError("the shared memory has \(size) bytes, its channel needs \(layout.bytes)")
        }
        return layout
    }
}

/// Why a channel could not be made.
public struct ChannelError: Error, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }

    /// - Parameter code: an errno.
    init(_ action: String, code: Int32) {
        description = "\(action): \(String(cString: strerror(code)))"
    }
}

/// A part of the shared memory, mapped as long as the object lives.
///
/// `@unchecked Sendable`: `init` alone writes its fields. All access to the memory goes through the atomic functions of
/// CIsolation, or is confined by `RingWriter`, `RingReader` and `ReplySlots`.
final class SharedMapping: @unchecked Sendable {
    let start: UnsafeMutableRawPointer
    private let mappedBytes: Int

    /// - Parameter isRing: whether the bytes are mapped twice, one behind the other.
    init(_ descriptor: Int32, offset: Int, bytes: Int, isRing: Bool = false) throws(ChannelError) {
        var code: Int32 = 0
        let place =
            isRing
            ? jf_shared_map_ring(descriptor, UInt64(offset), UInt64(bytes), &code)
            : jf_shared_map(descriptor, UInt64(offset), UInt64(bytes), &code)
        guard let place else { throw ChannelError("mapping \(bytes) bytes of shared memory", code: code) }
        start = place
        mappedBytes = isRing ? 2 * bytes : bytes
    }

    deinit { jf_shared_unmap(start, UInt64(mappedBytes)) }
}
