/// The memory behind the ``jf_value``s of one call: texts, bytes, elements and fields. It is freed with the last copy.
public struct ValueMemory {
    /// Created for the first value that needs memory, so that numbers cost no allocation.
    private var blocks: Blocks?

    final class Blocks {
        private var all: [UnsafeMutableRawPointer] = []

        deinit {
            for block in all { block.deallocate() }
        }

        func allocate(_ size: Int) -> UnsafeMutableRawPointer {
            let block = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: MemoryLayout<jf_value>.alignment)
            all.append(block)
            return block
        }
    }

    init() {}

    init(_ blocks: Blocks) { self.blocks = blocks }

    mutating func shared() -> Blocks {
        if let blocks { return blocks }
        let new = Blocks()
        blocks = new
        return new
    }

    mutating func copy(_ text: String) -> jf_text {
        var text = text
        return text.withUTF8 { jf_text(copy(UnsafeRawBufferPointer($0))) }
    }

    mutating func copy(_ bytes: [UInt8]) -> UnsafeRawBufferPointer { bytes.withUnsafeBytes { copy($0) } }

    mutating func copy(_ values: [jf_value]) -> UnsafePointer<jf_value>? {
        values.withUnsafeBytes { copy($0) }.baseAddress?.assumingMemoryBound(to: jf_value.self)
    }

    private mutating func copy(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard !bytes.isEmpty else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let block = shared().allocate(bytes.count)
        block.copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
        return UnsafeRawBufferPointer(start: block, count: bytes.count)
    }
}

extension jf_value {
    /// Whether the value points to memory.
    var hasMemory: Bool { kind > JF_VALUE_F64 }

    /// The elements of an array, or the fields of a record.
    var items: UnsafeBufferPointer<jf_value> { UnsafeBufferPointer(start: val.items, count: Int(count)) }
}
