/// The header fields of an answer, as the lines that go out.
public struct HTTPFields: Sendable {
    private(set) var lines: [UInt8] = []

    public init() {}

    /// - Parameter lines: of another value of this type.
    init(lines: [UInt8]) {
        self.lines = lines
    }

    /// - Parameter fields: those that ``add`` would refuse are left out.
    public init(_ fields: [(name: String, value: String)]) {
        for (name, value) in fields { add(name, value) }
    }

    /// - Parameter contentType: the value of the only field.
    public init(contentType: UnsafeRawBufferPointer) {
        add("Content-Type", contentType)
    }

    /// Adds a field.
    /// - Returns: false, and it is left out, if the name is no token or the value has control characters: a field that could end its line early would let
    ///   whoever wrote it write the rest of the answer.
    @discardableResult
    public mutating func add(_ name: String, _ value: String) -> Bool {
        var (name, value) = (name, value)
        return name.withUTF8 { name in
            value.withUTF8 { add(UnsafeRawBufferPointer(name), UnsafeRawBufferPointer($0)) }
        }
    }

    /// The same of bytes. What is no UTF-8 in a value is repaired.
    @discardableResult
    public mutating func add(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        guard HTTPSyntax.isToken(name), HTTPSyntax.isFieldValue(value) else { return false }
        lines.reserveCapacity(lines.count + name.count + value.count + 4)
        lines.append(contentsOf: name)
        lines.append(0x3A)
        lines.append(0x20)
        if HTTPSyntax.isASCII(value) {
            lines.append(contentsOf: value)
        } else {
            lines.append(contentsOf: String(decoding: value, as: UTF8.self).utf8)
        }
        lines.append(0x0D)
        lines.append(0x0A)
        return true
    }

    @discardableResult
    mutating func add(_ name: StaticString, _ value: UnsafeRawBufferPointer) -> Bool {
        add(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount), value)
    }

    public var isEmpty: Bool { lines.isEmpty }

    /// Adds the fields of `other`.
    public mutating func add(_ other: HTTPFields) {
        lines.append(contentsOf: other.lines)
    }
}
