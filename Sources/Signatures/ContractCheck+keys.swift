import RawJSON

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension ContractCheck {
    /// The index in the record of the field with this key; -1 if there is none.
    ///
    /// - Parameters:
    ///   - start: the offset just past the opening quote.
    ///   - keyEnd: the offset of the closing quote. The key has no escapes.
    ///   - hint: the index of the field to compare first.
    @inline(__always)
    func find(_ node: ContractNode, _ start: Int, _ keyEnd: Int, _ hint: Int) -> Int {
        let count = keyEnd &- start
        guard count <= Signature.maximumNameLength else { return -1 }
        return find(node, key(base + start, count, within: end &- start), base + start, hint)
    }

    /// The same for a key with escapes.
    ///
    /// - Parameters:
    ///   - keyEnd: the offset just past the closing quote.
    ///   - start: the offset of the opening quote.
    @inline(never)
    func find(_ node: ContractNode, escaped keyEnd: Int, from start: Int) -> Int {
        withUnsafeTemporaryAllocation(byteCount: Signature.maximumNameLength, alignment: 8) { name in
            guard let count = JSONText.unquote(bytes(from: start, to: keyEnd), into: name), count <= name.count,
                let bytes = UnsafeRawPointer(name.baseAddress)
            else { return -1 }
            return find(node, key(bytes, count, within: name.count), bytes, 0)
        }
    }

    @inline(__always)
    private func find(_ node: ContractNode, _ key: ContractKey, _ bytes: UnsafeRawPointer, _ hint: Int) -> Int {
        let first = Int(node.first)
        if hint < Int(node.count), isEqual(first &+ hint, key, bytes) { return hint }
        guard node.count > 0 else { return -1 }
        let mask = 1 &<< Int(node.tableBits) &- 1
        var slot = key.slot(bits: node.tableBits)
        while true {
            let field = tables[Int(node.table) &+ slot]
            if field == ContractLayout.empty { return -1 }
            if isEqual(first &+ Int(field), key, bytes) { return Int(field) }
            slot = (slot &+ 1) & mask
        }
    }

    @inline(__always)
    private func isEqual(_ field: Int, _ key: ContractKey, _ bytes: UnsafeRawPointer) -> Bool {
        let known = fields + field
        guard known.pointee.key.isLike(key) else { return false }
        return key.count <= 16 || memcmp(nameBytes + Int(known.pointee.name), bytes, Int(key.count)) == 0
    }

    /// - Parameter limit: the number of bytes that may be read, at least `count`.
    @inline(__always)
    private func key(_ bytes: UnsafeRawPointer, _ count: Int, within limit: Int) -> ContractKey {
        if count > 8 {
            return ContractKey(
                prefix: UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)),
                suffix: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)),
                count: Int32(truncatingIfNeeded: count))
        }
        var prefix: UInt64 = 0
        if limit >= 8 {
            // A shift by 64 gives 0.
            prefix = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)) & (1 << UInt64(count &* 8) &- 1)
        } else {
            for index in (0..<count).reversed() {
                prefix = prefix &<< 8 | UInt64(bytes.load(fromByteOffset: index, as: UInt8.self))
            }
        }
        return ContractKey(prefix: prefix, suffix: 0, count: Int32(truncatingIfNeeded: count))
    }
}
