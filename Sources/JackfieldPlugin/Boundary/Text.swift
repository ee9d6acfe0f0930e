extension String {
    /// A copy. The host's text is UTF-8; invalid bytes become U+FFFD.
    init(_ text: jf_text) {
        self.init(decoding: UnsafeRawBufferPointer(text), as: UTF8.self)
    }

    /// A copy; nil for the empty text.
    static func unlessEmpty(_ text: jf_text) -> String? {
        text.len == 0 ? nil : String(text)
    }
}

extension UnsafeRawBufferPointer {
    init(_ text: jf_text) { self.init(start: text.ptr, count: Int(text.len)) }
    init(_ bytes: jf_bytes) { self.init(start: bytes.ptr, count: Int(bytes.len)) }
}

extension jf_text {
    /// A copy that is never freed, for the descriptor.
    static func immortal(_ string: String) -> jf_text {
        let utf8 = Array(string.utf8)
        guard !utf8.isEmpty else { return jf_text(ptr: nil, len: 0) }
        let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: utf8.count)
        _ = copy.initialize(from: utf8.lazy.map { CChar(bitPattern: $0) })
        return jf_text(ptr: copy.baseAddress, len: UInt64(utf8.count))
    }

    init(_ buffer: UnsafeRawBufferPointer) {
        self.init(ptr: buffer.baseAddress?.assumingMemoryBound(to: CChar.self), len: UInt64(buffer.count))
    }
}

extension jf_bytes {
    init(_ buffer: UnsafeRawBufferPointer) {
        self.init(ptr: buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), len: UInt64(buffer.count))
    }
}

/// Passes the UTF-8 of a string to `body`, valid until `body` returns.
func withText<Result, Failure: Error>(_ string: String, _ body: (jf_text) throws(Failure) -> Result) throws(Failure)
    -> Result
{
    var string = string
    // `withUTF8` has no typed throws, so the closure returns a `Result`.
    let result = string.withUTF8 { utf8 in
        Swift.Result { () throws(Failure) in try body(jf_text(UnsafeRawBufferPointer(utf8))) }
    }
    return try result.get()
}

/// Passes UTF-8 to `body`, valid until `body` returns.
func withText<Result, Failure: Error>(_ utf8: [UInt8], _ body: (jf_text) throws(Failure) -> Result) throws(Failure)
    -> Result
{
    try utf8.withUnsafeBufferPointer { (buffer) throws(Failure) in try body(jf_text(UnsafeRawBufferPointer(buffer))) }
}

/// Passes a list of strings, in one buffer, to `body`, valid until `body` returns.
func withTexts<Result, Failure: Error>(
    _ strings: [String], _ body: (UnsafePointer<jf_text>?, UInt32) throws(Failure) -> Result
) throws(Failure) -> Result {
    if strings.isEmpty { return try body(nil, 0) }
    if strings.count == 1 {
        return try withText(strings[0]) { (text) throws(Failure) in
            try withUnsafePointer(to: text) { (text) throws(Failure) in try body(text, 1) }
        }
    }
    return try withChunks(strings.map { Array($0.utf8) }) { (chunks) throws(Failure) in
        let texts = chunks.map { jf_text($0) }
        return try texts.withUnsafeBufferPointer { (list) throws(Failure) in
            try body(list.baseAddress, UInt32(list.count))
        }
    }
}

/// Passes a list of byte strings, in one buffer, to `body`, valid until `body` returns.
func withByteStrings<Result, Failure: Error>(
    _ strings: [[UInt8]], _ body: (UnsafePointer<jf_bytes>?, UInt32) throws(Failure) -> Result
) throws(Failure) -> Result {
    if strings.isEmpty { return try body(nil, 0) }
    return try withChunks(strings) { (chunks) throws(Failure) in
        let list = chunks.map { jf_bytes($0) }
        return try list.withUnsafeBufferPointer { (list) throws(Failure) in
            try body(list.baseAddress, UInt32(list.count))
        }
    }
}

private func withChunks<Result, Failure: Error>(
    _ chunks: [[UInt8]], _ body: ([UnsafeRawBufferPointer]) throws(Failure) -> Result
) throws(Failure) -> Result {
    var all: [UInt8] = []
    all.reserveCapacity(chunks.reduce(0) { $0 + $1.count })
    for chunk in chunks { all += chunk }
    return try all.withUnsafeBufferPointer { (octets) throws(Failure) in
        let buffer = UnsafeRawBufferPointer(octets)
        var start = 0
        return try body(
            chunks.map { chunk in
                defer { start += chunk.count }
                return UnsafeRawBufferPointer(rebasing: buffer[start..<start + chunk.count])
            })
    }
}

/// Names and values in the host's memory, valid for the call: headers, query parameters, path parameters.
struct Pairs {
    private let all: UnsafeBufferPointer<jf_pair>

    init(_ first: UnsafePointer<jf_pair>?, _ count: UInt32) {
        all = UnsafeBufferPointer(start: first, count: Int(count))
    }

    /// The value of the first pair with this name, compared by bytes.
    func value(of name: String) -> String? {
        first { $0.len == name.utf8.count && UnsafeRawBufferPointer($0).elementsEqual(name.utf8) }
    }

    /// The value of the first header with this name, in any case; the host passes names in lower case.
    func header(_ name: String) -> String? {
        first {
            $0.len == name.utf8.count
                && UnsafeRawBufferPointer($0).elementsEqual(
                    name.utf8.lazy.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 })
        }
    }

    /// Copies of all pairs, in the order sent.
    var copies: [(name: String, value: String)] { all.map { (String($0.name), String($0.value)) } }

    private func first(where fits: (jf_text) -> Bool) -> String? {
        all.first { fits($0.name) }.map { String($0.value) }
    }
}
