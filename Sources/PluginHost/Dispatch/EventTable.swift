import Glibc
import Support

/// From an event's name to its route: open addressing over the bytes of the name, at most half full. Immutable.
///
/// Names come from plugins, so nobody on the wire can make them collide; what a client sends is only compared with them.
final class EventTable {
    private struct Entry {
        var hash: UInt64
        var name: UnsafeMutableRawBufferPointer
        var found: Found
    }

    /// Where an event goes. Plain: copying it counts no reference; it is good as long as the table.
    struct Found {
        /// Set for an inline handler, which is all that is needed then.
        var inline: InlineTarget?
        var route: Unmanaged<EventRoute>
    }

    private let entries: UnsafeMutablePointer<Entry?>
    private let capacity: Int
    let count: Int

    /// Of two routes with one name, the first counts.
    init(_ routes: [(name: ByteString, route: EventRoute)]) {
        var capacity = 8
        while capacity < routes.count * 2 { capacity *= 2 }
        self.capacity = capacity
        entries = .allocate(capacity: capacity)
        entries.initialize(repeating: nil, count: capacity)
        var count = 0
        for (name, route) in routes {
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: name.utf8.count, alignment: 1)
            bytes.copyBytes(from: name.utf8)
            let hash = Self.hash(UnsafeRawBufferPointer(bytes))
            var place = Int(truncatingIfNeeded: hash) & (capacity - 1)
            while let taken = entries[place], !Self.isEqual(UnsafeRawBufferPointer(taken.name), UnsafeRawBufferPointer(bytes)) {
                place = (place + 1) & (capacity - 1)
            }
            guard entries[place] == nil else {
                bytes.deallocate()
                continue
            }
            entries[place] = Entry(hash: hash, name: bytes, found: Found(inline: route.inlineTarget, route: .passRetained(route)))
            count += 1
        }
        self.count = count
    }

    deinit {
        for place in 0..<capacity {
            guard let entry = entries[place] else { continue }
            entry.name.deallocate()
            entry.found.route.release()
        }
        entries.deallocate()
    }

    @inline(__always)
    func find(_ name: UnsafeRawBufferPointer) -> Found? {
        guard count > 0 else { return nil }
        let hash = Self.hash(name)
        var place = Int(truncatingIfNeeded: hash) & (capacity &- 1)
        while let entry = entries[place] {
            if entry.hash == hash, Self.isEqual(UnsafeRawBufferPointer(entry.name), name) { return entry.found }
            place = (place &+ 1) & (capacity &- 1)
        }
        return nil
    }

    @inline(__always)
    private static func isEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        guard a.count == b.count else { return false }
        guard let left = a.baseAddress, let right = b.baseAddress else { return a.count == 0 }
        return memcmp(left, right, a.count) == 0
    }

    /// FNV-1a, with the high bits folded down.
    @inline(__always)
    static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash ^ hash &>> 32
    }
}
