import Support

/// Writes JSON as `JSON.stringify` does: no white space, members in the given order, strings escaped by ``JSONText``.
///
/// It writes brackets, commas and colons. The caller must close what it opens, and give each value in an object a name,
/// and none to others.
public struct JSONWriter: Sendable {
    @usableFromInline var output: [UInt8] = []

    /// Whether another value precedes the next one on the same level.
    @usableFromInline var needsComma = false

    /// - Parameter capacity: the expected length in bytes.
    @inlinable
    public init(reserving capacity: Int = 0) { output.reserveCapacity(capacity) }

    /// The JSON written so far.
    @inlinable
    public var bytes: [UInt8] { output }

    // MARK: Containers

    @inlinable
    public mutating func beginObject(_ key: String? = nil) { open(key, UInt8(ascii: "{")) }
    @inlinable
    public mutating func beginArray(_ key: String? = nil) { open(key, UInt8(ascii: "[")) }
    @inlinable
    public mutating func endObject() { close(UInt8(ascii: "}")) }
    @inlinable
    public mutating func endArray() { close(UInt8(ascii: "]")) }

    // MARK: Names

    /// Writes the name of the next member.
    public mutating func name(_ name: String) {
        separate()
        JSONText.appendQuoted(name, to: &output)
        output.append(UInt8(ascii: ":"))
    }

    /// Writes the name of the next member.
    public mutating func name(_ name: StaticString) {
        separate()
        name.withUTF8Buffer { JSONText.appendQuoted(UnsafeRawBufferPointer($0), to: &output) }
        output.append(UInt8(ascii: ":"))
    }

    /// Writes the name of the next member, which must be a JSON string, including its quotes.
    @inlinable
    public mutating func name(quoted token: some Collection<UInt8>) {
        separate()
        output.append(contentsOf: token)
        output.append(UInt8(ascii: ":"))
    }

    // MARK: Values

    public mutating func text(_ value: String, key: String? = nil) {
        begin(key)
        JSONText.appendQuoted(value, to: &output)
        needsComma = true
    }

    @inlinable
    public mutating func text(_ value: ByteString, key: String? = nil) { text(value.text, key: key) }

    @inlinable
    public mutating func integer(_ value: some BinaryInteger, key: String? = nil) { raw(String(value).utf8, key: key) }

    @inlinable
    public mutating func boolean(_ value: Bool, key: String? = nil) { raw((value ? "true" : "false").utf8, key: key) }

    @inlinable
    public mutating func null(key: String? = nil) { raw(EmptyCollection(), key: key) }

    /// Writes `value`, which must be valid JSON; empty means `null`.
    @inlinable
    public mutating func raw(_ value: some Collection<UInt8>, key: String? = nil) {
        begin(key)
        if value.isEmpty { output.append(contentsOf: "null".utf8) } else { output.append(contentsOf: value) }
        needsComma = true
    }

    // MARK: Between them

    @usableFromInline
    mutating func begin(_ key: String?) {
        if let key { name(key) } else { separate() }
    }

    /// Writes a comma if one is needed. Afterwards ``needsComma`` is `false`, as needed after a name or an opening
    /// bracket.
    @inlinable
    mutating func separate() {
        if needsComma { output.append(UInt8(ascii: ",")) }
        needsComma = false
    }

    @inlinable
    mutating func open(_ key: String?, _ bracket: UInt8) {
        begin(key)
        output.append(bracket)
    }

    @inlinable
    mutating func close(_ bracket: UInt8) {
        output.append(bracket)
        needsComma = true
    }
}
