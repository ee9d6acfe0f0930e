import CJackfield
import Glibc

/// Memory for the arguments of one call, freed at its end. Begins with a buffer of the caller, so that few and short
/// values need no heap memory.
struct ValueArena: ~Copyable {
    /// Most bytes of one call. Some types need far more memory than their JSON: `{}` may be a record of 64 absent
    /// fields.
    static let largest = 64 << 20

    private var next: UnsafeMutableRawPointer
    private var left: Int
    /// The newest block from the heap; each begins with the address of the one before.
    private var blocks: UnsafeMutableRawPointer?
    /// Bytes of all blocks from the heap.
    private var total = 0
    /// Whether ``allocate(_:)`` has failed.
    private(set) var isExhausted = false

    /// Bytes at the beginning of a block from the heap, before what is allocated in it.
    private static let header = 16

    /// - Parameter buffer: not empty, with an alignment of 16 bytes.
    init(_ buffer: UnsafeMutableRawBufferPointer) {
        // Not empty, so it has a base address.
        next = buffer.baseAddress.unsafelyUnwrapped
        left = buffer.count
    }

    deinit {
        var block = blocks
        while let current = block {
            block = current.load(as: UnsafeMutableRawPointer?.self)
            free(current)
        }
    }

    /// Returns `size` bytes with an alignment of 8, not initialized; nil if the call would exceed ``largest``.
    @inline(__always)
    mutating func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        let rounded = (size &+ 7) & ~7
        if rounded > left, !grow(rounded) { return nil }
        defer {
            next += rounded
            left &-= rounded
        }
        return next
    }

    /// Returns `count` values, not initialized.
    @inline(__always)
    mutating func allocate(values count: Int) -> UnsafeMutablePointer<jf_value>? {
        allocate(count &* MemoryLayout<jf_value>.stride)?.bindMemory(to: jf_value.self, capacity: count)
    }

    @inline(never)
    private mutating func grow(_ size: Int) -> Bool {
        let wanted = Self.header + max(size, min(max(total, 4_096), 1 << 20))
        guard size <= Self.largest, total + wanted <= Self.largest, let block = malloc(wanted) else {
            isExhausted = true
            return false
        }
        block.storeBytes(of: blocks, as: UnsafeMutableRawPointer?.self)
        blocks = block
        total += wanted
        next = block + Self.header
        left = wanted - Self.header
        return true
    }
}
