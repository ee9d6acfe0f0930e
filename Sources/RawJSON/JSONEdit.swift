/// Sets values in a document by JSON pointer, and leaves all other bytes unchanged.
///
/// An existing value at the pointer is replaced. Otherwise a member is added to an object, or an element to the end of
/// an array if the last step is `-` or the array's length. Missing parents are an error; they are not created. The
/// empty pointer replaces the whole document. All functions are pure: call them from any thread.
public enum JSONEdit {
    /// Returns a copy of `document` with `value` at `pointer`.
    ///
    /// - Throws: ``JSONEditError``.
    public static func setting(
        _ value: UnsafeRawBufferPointer, at pointer: UnsafeRawBufferPointer, in document: UnsafeRawBufferPointer
    ) throws(JSONEditError) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(document.count + value.count + pointer.count + 4)
        try write(value, at: pointer, in: document, to: &output)
        return output
    }

    /// Returns a copy of `document` with `value` at `pointer`.
    ///
    /// - Throws: ``JSONEditError``.
    public static func setting(_ value: [UInt8], at pointer: String, in document: [UInt8]) throws(JSONEditError)
        -> [UInt8]
    {
        var pointer = pointer
        let result = pointer.withUTF8 { path in
            value.withUnsafeBytes { value in
                document.withUnsafeBytes { document in
                    Result { () throws(JSONEditError) in
                        try setting(value, at: UnsafeRawBufferPointer(path), in: document)
                    }
                }
            }
        }
        return try result.get()
    }

    /// Writes a copy of `document` with `value` at `pointer` to `buffer`. Allocates only if a key is added.
    ///
    /// - Returns: the length of the new document; more than `buffer.count` means that it did not fit, see ``JSONText``.
    /// - Throws: ``JSONEditError``; then nothing was written.
    public static func set(
        _ value: UnsafeRawBufferPointer, at pointer: UnsafeRawBufferPointer, in document: UnsafeRawBufferPointer,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(JSONEditError) -> Int {
        var sink = BufferSink(buffer)
        try write(value, at: pointer, in: document, to: &sink)
        return sink.count
    }

    private static func write(
        _ value: UnsafeRawBufferPointer, at pointer: UnsafeRawBufferPointer, in document: UnsafeRawBufferPointer,
        to sink: inout some ByteSink
    ) throws(JSONEditError) {
        guard JSONScanner.isValid(value) else { throw .malformedValue }
        guard JSONScanner.isValid(document) else { throw .malformedDocument }
        let splice = try splice(at: pointer, in: document)
        sink.append(contentsOf: UnsafeRawBufferPointer(rebasing: document[..<splice.replaced.lowerBound]))
        if splice.needsComma { sink.append(UInt8(ascii: ",")) }
        if let key = splice.key {
            key.withUnsafeBytes { JSONText.write(quoted: $0, to: &sink) }
            sink.append(UInt8(ascii: ":"))
        }
        sink.append(contentsOf: value)
        sink.append(contentsOf: UnsafeRawBufferPointer(rebasing: document[splice.replaced.upperBound...]))
    }

    /// The change to a document's bytes.
    private struct Splice {
        /// The bytes that the value replaces; empty where something is added.
        var replaced: Range<Int>
        var needsComma = false
        /// The key of a new member.
        var key: [UInt8]?
    }

    private static func splice(at pointer: UnsafeRawBufferPointer, in document: UnsafeRawBufferPointer)
        throws(JSONEditError) -> Splice
    {
        let start = JSONScanner.skipWhitespace(in: document, from: 0)
        guard let end = JSONScanner.endOfValue(in: document, from: start) else { throw .malformedDocument }
        var value = start..<end
        var path = JSONPointerPath(pointer)
        while true {
            let step: JSONPointerPath.Step
            let child: Range<Int>?
            do throws(JSONPointerError) {
                guard let next = try path.next() else { return Splice(replaced: value) }
                step = next
                child = try JSONPointer.child(named: step, of: value, in: document)
            } catch {
                throw JSONEditError(error)
            }
            if let child {
                value = child
            } else if path.isAtEnd {
                return try addition(of: step, to: value, in: document)
            } else {
                throw .missingParent
            }
        }
    }

    /// Adds a member or element to the container at `range`, which has no child at `step`.
    private static func addition(
        of step: JSONPointerPath.Step, to range: Range<Int>, in document: UnsafeRawBufferPointer
    ) throws(JSONEditError) -> Splice {
        /// The offset of the closing bracket; only white space is between it and the last child.
        let close = range.upperBound - 1
        switch JSONKind(firstByte: document[range.lowerBound]) {
        case .object:
            let isEmpty = JSONScanner.skipWhitespace(in: document, from: range.lowerBound + 1) == close
            return Splice(replaced: close..<close, needsComma: !isEmpty, key: step.key)
        case .array:
            var walker = JSONArrayWalker(document, from: range.lowerBound)
            var count = 0
            while case .element = walker.next() { count += 1 }
            guard step.isPastEnd || step.index == count else { throw .badIndex }
            return Splice(replaced: close..<close, needsComma: count > 0)
        default:
            throw .missingParent
        }
    }
}

/// Why a value could not be set.
public enum JSONEditError: Error, Sendable, Hashable, CustomStringConvertible {
    /// See ``JSONPointerError/malformedPointer``.
    case malformedPointer
    /// The document is not valid JSON.
    case malformedDocument
    /// The value to set is not valid JSON.
    case malformedValue
    /// The value that the last step should be set in does not exist, or is neither an object nor an array.
    case missingParent
    /// The last step names an element of an array, and is neither `-` nor an index of at most the array's length.
    case badIndex

    public var description: String {
        switch self {
        case .malformedPointer: JSONPointerError.malformedPointer.description
        case .malformedDocument: JSONPointerError.malformedDocument.description
        case .malformedValue: "the value is not valid JSON"
        case .missingParent:
            "nothing to set a value in: the pointer's parent does not exist, or is neither an object nor an array"
        case .badIndex:
            "the pointer ends in an array: its last step must be '-' or an index of at most the array's length"
        }
    }

    init(_ error: JSONPointerError) {
        switch error {
        case .malformedPointer: self = .malformedPointer
        case .malformedDocument: self = .malformedDocument
        }
    }
}
