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
