/// A `jf_token` taken apart. 0 means that nobody waits.
///
/// Borrowed: 1 (1 bit) | thread (15) | sequence (48): the ack of the event whose handler is running; costs nothing to make.
/// In a table: 0 (1 bit) | generation (39) | slot (24): whatever outlives its callback.
struct ReplyToken: Equatable, Sendable {
    let raw: UInt64

    @inline(__always)
    init(_ raw: UInt64) { self.raw = raw }

    @inline(__always)
    init(borrowed sequence: UInt64, thread: UInt64) {
        raw = 1 << 63 | thread << 48 | sequence & 0xFFFF_FFFF_FFFF
    }

    init(slot: Int, generation: UInt64) {
        raw = (generation & Self.generationMask) << 24 | UInt64(slot)
    }

    static let slotLimit = 1 << 24
    static let generationMask: UInt64 = (1 << 39) - 1

    @inline(__always)
    var isBorrowed: Bool { raw >> 63 == 1 }
    var thread: UInt64 { raw >> 48 & 0x7FFF }
    var slot: Int { Int(raw & 0xFF_FFFF) }
    var generation: UInt64 { raw >> 24 & Self.generationMask }
}
