import CJackfield
import EngineIO
import RawJSON
import Support

/// Writes the result of a C function as JSON, as `JSON.stringify` does: -0 is `0`. But NaN and infinities have no JSON,
/// since the types of clients promise a number. A 64-bit integer has all its digits, and an `f32` the fewest that yield
/// the same `f32`.
enum ValueWriter {
    /// Why a result has no JSON.
    enum Unwritable: Error {
        /// NaN, or an infinity: its text.
        case notFinite(String)
        /// A text that the function should not have returned: the end of a sentence that names the result.
        case broken(String)
    }

    /// Most bytes of a scalar: `-1.7976931348623157e+308` has 24.
    private static let scalarLimit = 32

    /// Passes `prefix`, the value and `suffix` to `body` as one text, valid for the call.
    ///
    /// - Parameters:
    ///   - value: a result that `jf_function_call` stored.
    ///   - binary: the JSON that stands for bytes; `body` gets the bytes themselves for an attachment.
    @inline(__always)
    static func withJSON(
        of value: jf_value, _ prefix: StaticString, _ suffix: StaticString, binary: BinaryResult,
        _ body: (_ json: UnsafeRawBufferPointer, _ attachment: UnsafeRawBufferPointer?) -> Void
    ) throws(Unwritable) {
        switch value.kind {
        case JF_VALUE_STRING, JF_VALUE_BYTES, JF_VALUE_JSON:
            let attachment = value.kind == JF_VALUE_BYTES && binary == .attachment ? value.val.text.bytes : nil
            let text = try text(of: value, prefix, suffix, binary: binary)
            text.withUnsafeBytes { body($0, attachment) }
        default:
            if let number = value.notFinite { throw .notFinite(number) }
            let most = prefix.utf8CodeUnitCount + scalarLimit + suffix.utf8CodeUnitCount
            withUnsafeTemporaryAllocation(byteCount: most, alignment: 1) { buffer in
                var output = Output(buffer)
                output.append(prefix)
                output.append(scalar: value)
                output.append(suffix)
                body(UnsafeRawBufferPointer(rebasing: buffer[..<output.count]), nil)
            }
        }
    }

    /// How `bytes` stand in the JSON of an answer.
    enum BinaryResult {
        /// Socket.IO: the placeholder of the only attachment.
        case attachment
        /// HTTP: a string of base64.
        case base64
    }

    @inline(never)
    private static func text(
        of value: jf_value, _ prefix: StaticString, _ suffix: StaticString, binary: BinaryResult
    ) throws(Unwritable) -> [UInt8] {
        let bytes = value.val.text.bytes
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count + bytes.count / 2 + 64)
        prefix.withUTF8Buffer { output.append(contentsOf: $0) }
        switch value.kind {
        case JF_VALUE_STRING:
            guard UTF8Validator.isValid(bytes) else { throw .broken("is no UTF-8") }
            JSONText.appendQuoted(bytes, to: &output)
        case JF_VALUE_JSON:
            // The answer puts it into an array or an object.
            guard JSONScanner.isValid(bytes, depthLimit: JSONScanner.maximumDepth - 1) else {
                throw .broken("is no JSON")
            }
            output.append(contentsOf: bytes)
        default:
            if binary == .attachment {
                output.append(contentsOf: #"{"_placeholder":true,"num":0}"#.utf8)
            } else {
                output.append(UInt8(ascii: "\""))
                let count = Base64.encodedCount(bytes.count)
                output.append(
                    contentsOf: [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                        if let target = buffer.baseAddress { Base64.encode(bytes, to: target) }
                        initialized = count
                    })
                output.append(UInt8(ascii: "\""))
            }
        }
        suffix.withUTF8Buffer { output.append(contentsOf: $0) }
        return output
    }

    /// Writes into a buffer that has room for everything.
    private struct Output {
        private let base: UnsafeMutableRawPointer
        private(set) var count = 0

        init(_ buffer: UnsafeMutableRawBufferPointer) {
            // Never empty.
            base = buffer.baseAddress.unsafelyUnwrapped
        }

        @inline(__always)
        mutating func append(_ text: StaticString) {
            (base + count).copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
            count &+= text.utf8CodeUnitCount
        }

        @inline(__always)
        mutating func append(scalar value: jf_value) {
            switch value.kind {
            case JF_VALUE_BOOL: append(value.val.i32 != 0 ? "true" : "false")
            case JF_VALUE_I32: append(Int64(value.val.i32))
            case JF_VALUE_I64: append(value.val.i64)
            case JF_VALUE_U32: append(magnitude: UInt64(value.val.u32))
            case JF_VALUE_U64: append(magnitude: value.val.u64)
            case JF_VALUE_F32: append(value.val.f32)
            case JF_VALUE_F64: append(value.val.f64)
            default: append("null")
            }
        }

        @inline(__always)
        private mutating func append(_ value: Int64) {
            if value < 0 { append("-") }
            append(magnitude: value.magnitude)
        }

        private mutating func append(magnitude: UInt64) {
            var rest = magnitude
            var digits = 1
            while rest >= 10 {
                rest /= 10
                digits &+= 1
            }
            rest = magnitude
            var at = count &+ digits
            count = at
            repeat {
                at &-= 1
                base.storeBytes(of: UInt8(truncatingIfNeeded: rest % 10) | 0x30, toByteOffset: at, as: UInt8.self)
                rest /= 10
            } while rest > 0
        }

        /// Up to 2^53, each whole number has its own `Double`, and all its digits are needed.
        private static let wholeDoubles = 0x1p53
        /// The same for `Float`.
        private static let wholeFloats: Float = 0x1p24

        /// - Parameter value: finite.
        private mutating func append(_ value: Double) {
            if value.magnitude <= Self.wholeDoubles, value == value.rounded(.towardZero) { return append(Int64(value)) }
            let text = value.description
            // Swift writes a fraction without an exponent as JavaScript does.
            append(
                text.utf8.contains(UInt8(ascii: "e")) || value.magnitude > Self.wholeDoubles
                    ? JSONNumber.text(of: value) : text)
        }

        /// - Parameter value: finite.
        private mutating func append(_ value: Float) {
            if value.magnitude <= Self.wholeFloats, value == value.rounded(.towardZero) { return append(Int64(value)) }
            let text = value.description
            guard text.utf8.contains(UInt8(ascii: "e")) || value.magnitude > Self.wholeFloats else {
                return append(text)
            }
            // The `Double` that is nearest to the digits has the same digits.
            append(JSONNumber.text(of: Double(text) ?? Double(value)))
        }

        private mutating func append(_ text: String) {
            var text = text
            text.withUTF8 { bytes in
                guard let start = bytes.baseAddress else { return }
                (base + count).copyMemory(from: start, byteCount: min(bytes.count, ValueWriter.scalarLimit))
                count &+= min(bytes.count, ValueWriter.scalarLimit)
            }
        }
    }
}

extension jf_value {
    /// The text of a number that is NaN or infinite; nil for other values.
    fileprivate var notFinite: String? {
        switch kind {
        // The sign of a NaN means nothing.
        case JF_VALUE_F32 where !val.f32.isFinite: val.f32.isNaN ? "nan" : val.f32.description
        case JF_VALUE_F64 where !val.f64.isFinite: val.f64.isNaN ? "nan" : val.f64.description
        default: nil
        }
    }
}
