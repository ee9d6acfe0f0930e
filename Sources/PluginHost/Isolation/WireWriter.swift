import CJackfield

/// Writes the payload of one message between the daemon and a worker. ``WireReader`` reads it.
///
/// Integers have the machine's byte order and no alignment: both processes run the same executable on one machine. A
/// text is its length in 32 bits and its bytes.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    /// Stands for the length of a text whose pointer is NULL and whose length is not 0: the length follows in 64 bits,
    /// so that the daemon refuses the text with the words that an in-process plugin reads.
    static let noPointer = UInt32.max

    init(capacity: Int = 256) {
        bytes.reserveCapacity(capacity)
    }

    mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }

    mutating func raw(_ data: some Collection<UInt8>) { bytes.append(contentsOf: data) }

    mutating func flag(_ value: Bool) { bytes.append(value ? 1 : 0) }

    mutating func data(_ data: UnsafeRawBufferPointer) {
        integer(UInt32(data.count))
        bytes.append(contentsOf: data)
    }

    mutating func data(_ data: some Collection<UInt8>) {
        integer(UInt32(data.count))
        bytes.append(contentsOf: data)
    }

    /// A text in this process's memory. The caller has checked that it is not too long; see ``WireLimit``.
    mutating func text(_ text: jf_text) {
        guard text.ptr != nil || text.len == 0 else {
            integer(Self.noPointer)
            integer(text.len)
            return
        }
        data(text.bytes)
    }

    mutating func octets(_ octets: jf_bytes) {
        guard octets.ptr != nil || octets.len == 0 else {
            integer(Self.noPointer)
            integer(octets.len)
            return
        }
        data(octets.bytes)
    }

    /// A list of pairs in this process's memory.
    mutating func pairs(_ pairs: UnsafePointer<jf_pair>?, _ count: UInt32) {
        integer(count)
        for index in 0..<Int(count) {
            text(pairs?[index].name ?? jf_text())
            text(pairs?[index].value ?? jf_text())
        }
    }

    mutating func texts(_ texts: UnsafePointer<jf_text>?, _ count: UInt32) {
        integer(count)
        for index in 0..<Int(count) { text(texts?[index] ?? jf_text()) }
    }

    mutating func attachments(_ attachments: UnsafePointer<jf_bytes>?, _ count: UInt32) {
        integer(count)
        for index in 0..<Int(count) { octets(attachments?[index] ?? jf_bytes()) }
    }
}

/// Limits of what one message carries.
enum WireLimit {
    /// Most bytes of the arguments of one call; the header promises this number.
    static let largestCall = LoadedPlugin.largestCall
    /// Most bytes of a payload: the arguments of one call, with the lengths and the fields beside them.
    static let largestPayload = largestCall + (1 << 20)
}
