import CJackfield
import RawJSON

/// Writes JSON into a plugin's buffer. The state is in the plugin's `jf_json_writer`.
///
/// The first error is kept. Bytes that do not fit are counted and not written, so that the needed length is known at
/// the end.
///
/// It does not use ``JSONWriter``, though it escapes texts and formats numbers in the same way. A `JSONWriter` owns a
/// growing array and trusts its caller. This writer's memory belongs to the plugin and may be too small, and each call
/// must decide from that memory alone what may follow, including whether a comma is due, and refuse the rest.
struct JSONOutput {
    /// What may follow. The raw values are stored in `jf_json_writer.expects`.
    private enum Expectation: UInt32 {
        case document = 1
        case firstElement, nextElement
        case firstName, nextName
        case memberValue
        /// The document is complete.
        case nothing
    }

    private let writer: UnsafeMutablePointer<jf_json_writer>
    private var expects: Expectation

    /// Most arrays and objects that may be open at once: the bits of `nesting`, 1 for an object.
    private static let deepest: UInt32 = 64

    static func begin(
        _ writer: UnsafeMutablePointer<jf_json_writer>, _ out: UnsafeMutablePointer<CChar>?, _ capacity: UInt64,
        space: Int
    ) {
        var state = jf_json_writer()
        state.out = out
        state.capacity = capacity
        state.expects = Expectation.document.rawValue
        PluginMemory.write(state, to: writer, space: space)
    }

    /// `nil` for memory that ``begin(_:_:_:space:)`` has not initialized.
    init?(_ writer: UnsafeMutablePointer<jf_json_writer>) {
        guard writer.pointee.struct_size >= jf_json_writer.firstSize, writer.pointee.depth <= Self.deepest,
            let expects = Expectation(rawValue: writer.pointee.expects)
        else { return nil }
        self.writer = writer
        self.expects = expects
    }

    /// The document, valid after ``end()`` has returned `JF_OK`.
    var document: jf_text { jf_text(ptr: UnsafePointer(writer.pointee.out), len: writer.pointee.length) }

    // MARK: Values

    mutating func beginContainer(_ kind: UInt32) -> Int32 {
        guard kind == JF_JSON_OBJECT || kind == JF_JSON_ARRAY else { return fail(JF_E_INVALID) }
        guard writer.pointee.depth < Self.deepest else { return fail(JF_E_LIMIT) }
        guard beginValue() else { return writer.pointee.status }
        let isObject = kind == JF_JSON_OBJECT
        put(isObject ? "{" : "[")
        let bit: UInt64 = 1 << UInt64(writer.pointee.depth)
        if isObject { writer.pointee.nesting |= bit } else { writer.pointee.nesting &= ~bit }
        writer.pointee.depth += 1
        return expect(isObject ? .firstName : .firstElement)
    }

    mutating func closeContainer() -> Int32 {
        guard isOpen else { return writer.pointee.status }
        switch expects {
        case .firstElement, .nextElement: put("]")
        case .firstName, .nextName: put("}")
        case .document, .memberValue, .nothing: return fail(JF_E_INVALID)
        }
        writer.pointee.depth -= 1
        return valueEnded()
    }

    mutating func name(_ name: UnsafeRawBufferPointer) -> Int32 {
        guard isOpen else { return writer.pointee.status }
        guard expects == .firstName || expects == .nextName, String(validating: name, as: UTF8.self) != nil else {
            return fail(JF_E_INVALID)
        }
        if expects == .nextName { put(",") }
        put(quoted: name)
        put(":")
        return expect(.memberValue)
    }

    mutating func text(_ text: UnsafeRawBufferPointer) -> Int32 {
        guard isOpen else { return writer.pointee.status }
        guard String(validating: text, as: UTF8.self) != nil else { return fail(JF_E_INVALID) }
        guard beginValue() else { return writer.pointee.status }
        put(quoted: text)
        return valueEnded()
    }

    mutating func integer(_ number: Int64) -> Int32 { value(String(number)) }

    mutating func number(_ number: Double) -> Int32 {
        guard isOpen else { return writer.pointee.status }
        guard number.isFinite else { return fail(JF_E_INVALID) }
        return value(JSONNumber.text(of: number))
    }

    mutating func literal(_ text: StaticString) -> Int32 {
        guard beginValue() else { return writer.pointee.status }
        put(text)
        return valueEnded()
    }

    mutating func json(_ value: UnsafeRawBufferPointer) -> Int32 {
        guard isOpen else { return writer.pointee.status }
        guard JSONScanner.isValid(value) else { return fail(JF_E_INVALID) }
        guard beginValue() else { return writer.pointee.status }
        put(value)
        return valueEnded()
    }

    mutating func end() -> Int32 {
        guard writer.pointee.status == JF_OK || writer.pointee.status == JF_E_SPACE else {
            return writer.pointee.status
        }
        return expects == .nothing ? writer.pointee.status : fail(JF_E_INVALID)
    }

    private mutating func value(_ text: String) -> Int32 {
        guard beginValue() else { return writer.pointee.status }
        var text = text
        text.withUTF8 { put(UnsafeRawBufferPointer($0)) }
        return valueEnded()
    }

    // MARK: State

    /// Whether no error but missing space has occurred.
    private var isOpen: Bool { writer.pointee.status == JF_OK || writer.pointee.status == JF_E_SPACE }

    /// Whether a value may begin here; writes the comma before it.
    private mutating func beginValue() -> Bool {
        guard isOpen else { return false }
        switch expects {
        case .document, .firstElement, .memberValue: return true
        case .nextElement:
            put(",")
            return true
        case .firstName, .nextName, .nothing:
            _ = fail(JF_E_INVALID)
            return false
        }
    }

    private mutating func valueEnded() -> Int32 {
        let depth = writer.pointee.depth
        guard depth > 0 else { return expect(.nothing) }
        return expect(writer.pointee.nesting >> UInt64(depth - 1) & 1 == 1 ? .nextName : .nextElement)
    }

    private mutating func expect(_ next: Expectation) -> Int32 {
        expects = next
        writer.pointee.expects = next.rawValue
        return writer.pointee.status
    }

    /// Keeps an error, unless one other than missing space was kept before.
    private func fail(_ code: Int32) -> Int32 {
        if isOpen { writer.pointee.status = code }
        return writer.pointee.status
    }

    // MARK: Bytes

    /// The rest of the buffer; empty once something did not fit.
    private var space: UnsafeMutableRawBufferPointer {
        let state = writer.pointee
        guard state.status == JF_OK, let out = state.out, state.length <= state.capacity else {
            return UnsafeMutableRawBufferPointer(start: nil, count: 0)
        }
        return UnsafeMutableRawBufferPointer(
            start: out + Int(clamping: state.length), count: Int(clamping: state.capacity - state.length))
    }

    private func count(_ bytes: Int, of space: Int) {
        writer.pointee.length &+= UInt64(bytes)
        if bytes > space, writer.pointee.status == JF_OK { writer.pointee.status = JF_E_SPACE }
    }

    private func put(_ bytes: UnsafeRawBufferPointer) {
        let space = space
        if bytes.count <= space.count { space.copyMemory(from: bytes) }
        count(bytes.count, of: space.count)
    }

    private func put(_ text: StaticString) {
        put(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private func put(quoted text: UnsafeRawBufferPointer) {
        let space = space
        count(JSONText.quote(text, into: space), of: space.count)
    }
}
