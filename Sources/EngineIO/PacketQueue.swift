import Support

/// Packets that wait for the next poll or for the end of an upgrade, stored as one block of bytes and a list of
/// lengths. A class, because most sessions begin on a WebSocket and never need a queue.
final class PacketQueue {
    private struct Entry {
        var count: Int
        var kind: MessageKind
        var compress: Bool
    }

    private let account: MemoryAccount
    private var bytes: [UInt8] = []
    private var entries: [Entry] = []
    /// The removed part at the front of both arrays.
    private var dequeuedEntries = 0
    private var dequeuedBytes = 0

    /// The overhead in bytes of a waiting packet, counted so that many tiny packets are limited as well.
    static let costPerPacket = MemoryLayout<Entry>.stride

    /// An empty queue releases its storage if it is larger than this.
    private static let keptCapacity = 1024

    /// - Parameter account: charged with the memory of the waiting packets.
    init(account: MemoryAccount) {
        self.account = account
    }

    deinit {
        account.charge(-cost)
    }

    /// Bytes of the waiting packets, with overhead.
    private var cost: Int { byteCount + packetCount * Self.costPerPacket }

    var isEmpty: Bool { dequeuedEntries == entries.count }
    var packetCount: Int { entries.count - dequeuedEntries }
    /// Bytes of the waiting packets, without overhead.
    var byteCount: Int { bytes.count - dequeuedBytes }

    /// Appends a packet of exactly `count` bytes, which `fill` writes: type and content of a text packet, only the
    /// content of a binary message.
    func append(_ kind: MessageKind, count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: count))
        bytes.withUnsafeMutableBytes { fill(UnsafeMutableRawBufferPointer(rebasing: $0[start...])) }
        entries.append(Entry(count: count, kind: kind, compress: compress))
        account.charge(count + Self.costPerPacket)
    }

    func append(_ type: PacketType) {
        bytes.append(type.rawValue)
        entries.append(Entry(count: 1, kind: .text, compress: false))
        account.charge(1 + Self.costPerPacket)
    }

    /// The number, total size and compression of the packets of the next payload, which has at most `limit` packets.
    func payload(limit: Int) -> (packets: Int, count: Int, compress: Bool) {
        let packets = min(limit, packetCount)
        var count = max(packets - 1, 0)
        var compress = false
        for entry in entries[dequeuedEntries..<(dequeuedEntries + packets)] {
            count += entry.kind == .text ? entry.count : 1 + Base64.encodedCount(entry.count)
            compress = compress || entry.compress
        }
        return (packets, count, compress)
    }

    /// Writes the first `packets` packets as a payload and removes them.
    func dequeue(packets: Int, into payload: UnsafeMutableRawBufferPointer) {
        var offset = 0
        for index in 0..<packets {
            if index > 0 {
                payload[offset] = EnginePacket.separator
                offset += 1
            }
            dequeueFirst { kind, _, content in
                switch kind {
                case .text:
                    if content.count > 0 {
                        UnsafeMutableRawBufferPointer(rebasing: payload[offset...]).copyMemory(from: content)
                    }
                    offset += content.count
                case .binary:
                    payload[offset] = EnginePacket.base64Mark
                    if content.count > 0 { Base64.encode(content, to: payload.baseAddress! + offset + 1) }
                    offset += 1 + Base64.encodedCount(content.count)
                }
            }
        }
        releaseStorageIfEmpty()
    }

    /// Removes all packets and passes each to `body`.
    func dequeueAll(_ body: (_ kind: MessageKind, _ compress: Bool, _ content: UnsafeRawBufferPointer) -> Void) {
        while !isEmpty { dequeueFirst(body) }
        releaseStorageIfEmpty()
    }

    func removeAll() {
        account.charge(-cost)
        bytes = []
        entries = []
        dequeuedEntries = 0
        dequeuedBytes = 0
    }

    private func dequeueFirst(_ body: (MessageKind, Bool, UnsafeRawBufferPointer) -> Void) {
        let entry = entries[dequeuedEntries]
        bytes.withUnsafeBytes { bytes in
            body(
                entry.kind, entry.compress,
                UnsafeRawBufferPointer(rebasing: bytes[dequeuedBytes..<(dequeuedBytes + entry.count)]))
        }
        dequeuedEntries += 1
        dequeuedBytes += entry.count
        account.charge(-entry.count - Self.costPerPacket)
    }

    private func releaseStorageIfEmpty() {
        guard isEmpty else {
            // A queue that is never empty must not keep the storage of packets that it has already written.
            if dequeuedBytes > 65_536, dequeuedBytes > bytes.count / 2 {
                bytes.removeFirst(dequeuedBytes)
                entries.removeFirst(dequeuedEntries)
                dequeuedBytes = 0
                dequeuedEntries = 0
            }
            return
        }
        let keep = bytes.capacity <= Self.keptCapacity
        bytes.removeAll(keepingCapacity: keep)
        entries.removeAll(keepingCapacity: keep)
        dequeuedBytes = 0
        dequeuedEntries = 0
    }
}
