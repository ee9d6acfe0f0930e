import CJackfield
import Support

/// The pairs of one request, for as long as a call: each text stays where it is in the request, and only what has to be decoded is written anew.
struct PairWriter {
    private let pairs: UnsafeMutableBufferPointer<jf_pair>
    private(set) var count = 0
    /// For what is decoded, which is never longer than what it is made of.
    private var buffer: Slice<UnsafeMutableRawBufferPointer>

    /// - Parameters:
    ///   - pairs: one for each that is going to be added.
    ///   - buffer: as large as all values that are going to be decoded, and those names.
    init(_ pairs: UnsafeMutableBufferPointer<jf_pair>, buffer: UnsafeMutableRawBufferPointer) {
        self.pairs = pairs
        self.buffer = buffer[...]
    }

    mutating func add(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        pairs.initializeElement(at: count, to: jf_pair(name: jf_text(name), value: jf_text(value)))
        count += 1
    }

    /// What `part` stands for; what cannot be decoded stays as the client wrote it.
    mutating func decoded(_ part: UnsafeRawBufferPointer, _ form: PercentEncoding.Form) -> UnsafeRawBufferPointer {
        guard PercentEncoding.isEncoded(part, form),
            let decoded = PercentEncoding.text(part, form, in: UnsafeMutableRawBufferPointer(rebasing: buffer))
        else { return part }
        buffer = buffer[(buffer.startIndex + decoded.count)...]
        return decoded
    }

    /// Those from `start` to here.
    func list(from start: Int) -> (pairs: UnsafePointer<jf_pair>?, count: UInt32) {
        (count == start ? nil : pairs.baseAddress.map { UnsafePointer($0 + start) }, UInt32(count - start))
    }
}
