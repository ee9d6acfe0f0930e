import CJackfield
import RawJSON

/// `jf.json/1`. Pure functions: they need no plugin but for the log.
enum JSONInterface {
    static var table: jf_json_api {
        jf_json_api(
            struct_size: UInt32(MemoryLayout<jf_json_api>.size), revision: 1,
            read: { _, document, pointer, value in JSONInterface.read(document.bytes, pointer.bytes, value) },
            text: { _, raw, out, capacity, length in
                guard let count = JSONText.unquote(raw.bytes, into: UnsafeMutableRawBufferPointer(start: nil, count: 0)) else {
                    length?.pointee = 0
                    return JF_E_INVALID
                }
                return JSONInterface.finish(count, JSONInterface.room(out, capacity), length) { _ = JSONText.unquote(raw.bytes, into: $0) }
            },
            quote: { _, text, out, capacity, length in
                guard String(validating: text.bytes, as: UTF8.self) != nil else {
                    length?.pointee = 0
                    return JF_E_INVALID
                }
                let count = JSONText.quote(text.bytes, into: UnsafeMutableRawBufferPointer(start: nil, count: 0))
                return JSONInterface.finish(count, JSONInterface.room(out, capacity), length) { _ = JSONText.quote(text.bytes, into: $0) }
            },
            write: { _, document, pointer, value, out, capacity, length in
                JSONInterface.write(document.bytes, pointer.bytes, value.bytes, JSONInterface.room(out, capacity), length)
            })
    }

    private static func read(_ document: UnsafeRawBufferPointer, _ pointer: UnsafeRawBufferPointer, _ value: UnsafeMutablePointer<jf_json>?) -> Int32 {
        guard let value else { return JF_E_INVALID }
        var result = jf_json()
        result.struct_size = UInt32(MemoryLayout<jf_json>.size)
        value.pointee = result
        let token: JSONToken
        do throws(JSONPointerError) {
            guard let found = try JSONPointer.find(pointer, in: document) else { return JF_E_NOT_FOUND }
            token = found
        } catch {
            return JF_E_INVALID
        }
        let raw = UnsafeRawBufferPointer(rebasing: document[token.range])
        result.raw = jf_text(raw)
        switch token.kind {
        case .null: result.kind = JF_JSON_NULL
        case .bool: result.kind = raw[0] == UInt8(ascii: "t") ? JF_JSON_TRUE : JF_JSON_FALSE
        case .string: result.kind = JF_JSON_STRING
        case .number:
            result.kind = JF_JSON_NUMBER
            guard let number = JSONNumber(raw) else { return JF_E_INVALID }
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
        value.pointee = result
        return JF_OK
    }

    private static func write(
        _ document: UnsafeRawBufferPointer, _ pointer: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ buffer: UnsafeMutableRawBufferPointer,
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

    private static func room(_ out: UnsafeMutablePointer<CChar>?, _ capacity: UInt64) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: out, count: out == nil ? 0 : Int(clamping: capacity))
    }

    /// Writes only what fits whole: the length was found before, by writing into nothing.
    private static func finish(
        _ count: Int, _ buffer: UnsafeMutableRawBufferPointer, _ length: UnsafeMutablePointer<UInt64>?, _ write: (UnsafeMutableRawBufferPointer) -> Void
    ) -> Int32 {
        length?.pointee = UInt64(count)
        guard count <= buffer.count else { return JF_E_SPACE }
        write(buffer)
        return JF_OK
    }
}
