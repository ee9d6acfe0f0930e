import CJackfield
import RawJSON

/// `jf.json/1`. Pure functions: they use the plugin only to log wrong pointers and sizes. Faults of a document are not
/// logged.
enum JSONInterface {
    static var table: jf_json_api {
        jf_json_api(
            struct_size: UInt32(MemoryLayout<jf_json_api>.size), revision: 1,
            read: { host, document, pointer, value in
                JSONInterface.serve(host, "read") { () throws(HostCallError) in
                    guard let value else { throw .invalid("value is NULL") }
                    return JSONInterface.read(
                        document.bytes, pointer.bytes, value, space: try PluginMemory.space(of: value, "value"))
                }
            },
            text: { _, string, out, capacity, length in
                guard
                    let count = JSONText.unquote(
                        string.bytes, into: UnsafeMutableRawBufferPointer(start: nil, count: 0))
                else {
                    length?.pointee = 0
                    return JF_E_INVALID
                }
                return JSONInterface.finish(count, JSONInterface.buffer(out, capacity), length) {
                    _ = JSONText.unquote(string.bytes, into: $0)
                }
            },
            quote: { _, text, out, capacity, length in
                guard String(validating: text.bytes, as: UTF8.self) != nil else {
                    length?.pointee = 0
                    return JF_E_INVALID
                }
                let count = JSONText.quote(text.bytes, into: UnsafeMutableRawBufferPointer(start: nil, count: 0))
                return JSONInterface.finish(count, JSONInterface.buffer(out, capacity), length) {
                    _ = JSONText.quote(text.bytes, into: $0)
                }
            },
            set: { _, document, pointer, value, out, capacity, length in
                JSONInterface.set(
                    document.bytes, pointer.bytes, value.bytes, JSONInterface.buffer(out, capacity), length)
            },
            open: { host, container, cursor in
                JSONInterface.serve(host, "open") { () throws(HostCallError) in
                    guard let cursor else { throw .invalid("cursor is NULL") }
                    return JSONInterface.open(
                        container.bytes, cursor, space: try PluginMemory.space(of: cursor, "cursor"))
                }
            },
            next: { host, cursor, name, value in
                JSONInterface.serve(host, "next") { () throws(HostCallError) in
                    guard let cursor else { throw .invalid("cursor is NULL") }
                    guard let value else { throw .invalid("value is NULL") }
                    _ = try PluginMemory.space(of: cursor, "cursor")
                    return JSONInterface.next(
                        &cursor.pointee, name, value, space: try PluginMemory.space(of: value, "value"))
                }
            },
            begin: { host, writer, out, capacity in
                JSONInterface.serve(host, "begin") { () throws(HostCallError) in
                    guard let writer else { throw .invalid("writer is NULL") }
                    guard out != nil || capacity == 0 else {
                        throw .invalid("out is NULL with a capacity of \(capacity)")
                    }
                    JSONOutput.begin(writer, out, capacity, space: try PluginMemory.space(of: writer, "writer"))
                    return JF_OK
                }
            },
            begin_container: { host, writer, kind in
                JSONInterface.write(host, "begin_container", writer) { $0.beginContainer(kind) }
            },
            close_container: { host, writer in
                JSONInterface.write(host, "close_container", writer) { $0.closeContainer() }
            },
            add_name: { host, writer, name in JSONInterface.write(host, "add_name", writer) { $0.name(name.bytes) } },
            add_text: { host, writer, value in JSONInterface.write(host, "add_text", writer) { $0.text(value.bytes) } },
            add_integer: { host, writer, value in JSONInterface.write(host, "add_integer", writer) { $0.integer(value) }
            },
            add_number: { host, writer, value in JSONInterface.write(host, "add_number", writer) { $0.number(value) } },
            add_bool: { host, writer, value in
                JSONInterface.write(host, "add_bool", writer) { $0.literal(value == 0 ? "false" : "true") }
            },
            add_null: { host, writer in JSONInterface.write(host, "add_null", writer) { $0.literal("null") } },
            add_json: { host, writer, value in JSONInterface.write(host, "add_json", writer) { $0.json(value.bytes) } },
            done: { host, writer, document in
                document?.pointee = .none
                return JSONInterface.write(host, "done", writer) { writer in
                    let code = writer.end()
                    if code == JF_OK { document?.pointee = writer.document }
                    return code
                }
            })
    }

    /// Runs a function; an error is logged with its name.
    @inline(__always)
    private static func serve(
        _ host: OpaquePointer?, _ function: StaticString, _ body: () throws(HostCallError) -> Int32
    ) -> Int32 {
        do throws(HostCallError) {
            return try body()
        } catch {
            return LoadedPlugin.from(host)?.refuse(function, error) ?? error.code
        }
    }

    private static func write(
        _ host: OpaquePointer?, _ function: StaticString, _ writer: UnsafeMutablePointer<jf_json_writer>?,
        _ body: (inout JSONOutput) -> Int32
    ) -> Int32 {
        serve(host, function) { () throws(HostCallError) in
            guard let writer else { throw .invalid("writer is NULL") }
            guard var output = JSONOutput(writer) else {
                throw .invalid("writer was not begun, or its memory was changed")
            }
            return body(&output)
        }
    }

    // MARK: Reading

    @inline(__always)
    private static func read(
        _ document: UnsafeRawBufferPointer, _ pointer: UnsafeRawBufferPointer, _ value: UnsafeMutablePointer<jf_json>,
        space: Int
    ) -> Int32 {
        let token: JSONToken
        do throws(JSONPointerError) {
            guard let found = try JSONPointer.find(pointer, in: document) else {
                return fail(JF_E_NOT_FOUND, value, space)
            }
            token = found
        } catch {
            return fail(JF_E_INVALID, value, space)
        }
        return store(UnsafeRawBufferPointer(rebasing: document[token.range]), token.kind, in: value, space: space)
    }

    private static func fail(_ code: Int32, _ value: UnsafeMutablePointer<jf_json>, _ space: Int) -> Int32 {
        PluginMemory.write(jf_json(), to: value, space: space)
        return code
    }

    /// Stores the description of a valid value.
    private static func store(
        _ raw: UnsafeRawBufferPointer, _ kind: JSONKind, in value: UnsafeMutablePointer<jf_json>, space: Int
    ) -> Int32 {
        var result = jf_json()
        result.raw = jf_text(raw)
        switch kind {
        case .null: result.kind = JF_JSON_NULL
        case .bool: result.kind = raw[0] == UInt8(ascii: "t") ? JF_JSON_TRUE : JF_JSON_FALSE
        case .string: result.kind = JF_JSON_STRING
        case .number:
            result.kind = JF_JSON_NUMBER
            guard let number = JSONNumber(raw) else { return fail(JF_E_INVALID, value, space) }
            result.number = number.double
            if let integer = number.int64 {
                result.integer = integer
                result.is_integer = 1
            }
        case .array:
            result.kind = JF_JSON_ARRAY
            var walker = JSONArrayWalker(raw)
            while case .element = walker.next() { result.count &+= 1 }
        case .object:
            result.kind = JF_JSON_OBJECT
            var walker = JSONObjectWalker(raw)
            while case .member = walker.next() { result.count &+= 1 }
        }
        PluginMemory.write(result, to: value, space: space)
        return JF_OK
    }

    // MARK: Walking

    /// The `kind` of a cursor after a fault: every further call fails.
    private static let broken: UInt32 = .max

    private static func open(
        _ container: UnsafeRawBufferPointer, _ cursor: UnsafeMutablePointer<jf_json_cursor>, space: Int
    ) -> Int32 {
        let start = JSONScanner.skipWhitespace(in: container, from: 0)
        var state = jf_json_cursor()
        var code = JF_OK
        switch start < container.count ? container[start] : 0 {
        case UInt8(ascii: "["): state.kind = JF_JSON_ARRAY
        case UInt8(ascii: "{"): state.kind = JF_JSON_OBJECT
        default:
            state.kind = broken
            code = JF_E_INVALID
        }
        if code == JF_OK { state.rest = jf_text(UnsafeRawBufferPointer(rebasing: container[(start + 1)...])) }
        PluginMemory.write(state, to: cursor, space: space)
        return code
    }

    private static func next(
        _ cursor: inout jf_json_cursor, _ name: UnsafeMutablePointer<jf_text>?, _ value: UnsafeMutablePointer<jf_json>,
        space: Int
    ) -> Int32 {
        name?.pointee = .none
        guard cursor.kind == JF_JSON_ARRAY || cursor.kind == JF_JSON_OBJECT else {
            return fail(JF_E_INVALID, value, space)
        }
        let rest = cursor.rest.bytes
        var at = JSONScanner.skipWhitespace(in: rest, from: 0)
        func match(_ byte: UInt8) -> Bool {
            guard at < rest.count, rest[at] == byte else { return false }
            at = JSONScanner.skipWhitespace(in: rest, from: at + 1)
            return true
        }
        /// The end of the value that begins at `at`.
        func end(depth: Int) -> Int? { JSONScanner.endOfValue(in: rest, from: at, depthLimit: depth) }

        // The cursor stays before the closing bracket.
        if at < rest.count, rest[at] == UInt8(ascii: cursor.kind == JF_JSON_ARRAY ? "]" : "}") {
            return fail(JF_E_NOT_FOUND, value, space)
        }
        var isSound = cursor.index == 0 || match(UInt8(ascii: ","))
        var key = jf_text.none
        if isSound, cursor.kind == JF_JSON_OBJECT {
            isSound = at < rest.count && rest[at] == UInt8(ascii: "\"")
            if isSound, let end = end(depth: 0) {
                key = jf_text(UnsafeRawBufferPointer(rebasing: rest[at..<end]))
                at = JSONScanner.skipWhitespace(in: rest, from: end)
                isSound = match(UInt8(ascii: ":"))
            } else {
                isSound = false
            }
        }
        guard isSound, at < rest.count, let kind = JSONKind(firstByte: rest[at]),
            let end = end(depth: JSONScanner.maximumDepth - 1)
        else {
            cursor.kind = broken
            return fail(JF_E_INVALID, value, space)
        }
        name?.pointee = key
        cursor.rest = jf_text(UnsafeRawBufferPointer(rebasing: rest[end...]))
        cursor.index += 1
        return store(UnsafeRawBufferPointer(rebasing: rest[at..<end]), kind, in: value, space: space)
    }

    // MARK: Changing

    private static func set(
        _ document: UnsafeRawBufferPointer, _ pointer: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer,
        _ buffer: UnsafeMutableRawBufferPointer,
        _ length: UnsafeMutablePointer<UInt64>?
    ) -> Int32 {
        length?.pointee = 0
        let empty = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        do throws(JSONEditError) {
            let count = try JSONEdit.set(value, at: pointer, in: document, into: empty)
            length?.pointee = UInt64(count)
            guard count <= buffer.count else { return JF_E_SPACE }
            _ = try JSONEdit.set(value, at: pointer, in: document, into: buffer)
            return JF_OK
        } catch {
            return error == .missingParent || error == .badIndex ? JF_E_NOT_FOUND : JF_E_INVALID
        }
    }

    private static func buffer(_ out: UnsafeMutablePointer<CChar>?, _ capacity: UInt64) -> UnsafeMutableRawBufferPointer
    {
        UnsafeMutableRawBufferPointer(start: out, count: out == nil ? 0 : Int(clamping: capacity))
    }

    /// Calls `write` only if everything fits: `count` was found before, by writing into an empty buffer.
    private static func finish(
        _ count: Int, _ buffer: UnsafeMutableRawBufferPointer, _ length: UnsafeMutablePointer<UInt64>?,
        _ write: (UnsafeMutableRawBufferPointer) -> Void
    ) -> Int32 {
        length?.pointee = UInt64(count)
        guard count <= buffer.count else { return JF_E_SPACE }
        write(buffer)
        return JF_OK
    }
}
