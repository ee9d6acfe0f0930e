import CJackfield
import Glibc
import RawJSON
import Signatures
import Support

/// Reads the JSON of a call's arguments into `jf_value`s, in one pass, and stops at the first value that has not its
/// type. What it accepts is what `Contract` accepts.
///
/// Reads within the text only, so bytes that are not JSON do no harm.
struct ValueReader: ~Copyable {
    private let json: UnsafeRawBufferPointer
    private let base: UnsafeRawPointer
    private let end: Int
    private let nodes: UnsafePointer<ContractNode>
    private let fields: UnsafePointer<ContractField>
    private let names: UnsafeRawPointer
    private let attachments: UnsafePointer<jf_bytes>?
    private let attachmentCount: Int
    private let binary: BinaryForm
    private var arena: ValueArena
    /// The cursor.
    private var at = 0

    /// - Parameters:
    ///   - json: an array that has passed `JSONScanner`.
    ///   - contract: must live as long as the reader.
    ///   - attachments: those of the message; the values of type `bytes` point to them.
    ///   - buffer: where the memory of the values begins; see ``ValueArena``.
    init(
        _ json: UnsafeRawBufferPointer, _ contract: borrowing Contract, attachments: UnsafePointer<jf_bytes>?,
        count: Int, binary: BinaryForm, buffer: UnsafeMutableRawBufferPointer
    ) {
        self.json = json
        // An empty text is never read.
        base = json.baseAddress ?? contract.nameBytes
        end = json.count
        nodes = contract.nodes
        fields = contract.fields
        names = contract.nameBytes
        self.attachments = attachments
        attachmentCount = count
        self.binary = binary
        arena = ValueArena(buffer)
    }

    /// Whether the values need more memory than ``ValueArena/largest``.
    var isExhausted: Bool { arena.isExhausted }

    /// Reads the arguments. The values are valid as long as the reader and the JSON.
    ///
    /// - Parameter values: as many as there are parameters.
    /// - Returns: `false` if the arguments do not match the signature, or ``isExhausted``.
    @inline(__always)
    mutating func read(_ contract: borrowing Contract, into values: UnsafeMutablePointer<jf_value>) -> Bool {
        var index = 0
        skipSpace()
        guard peek() == UInt8(ascii: "[") else { return false }
        at &+= 1
        skipSpace()
        if peek() != UInt8(ascii: "]") {
            while true {
                guard index < contract.count, value(index, values + index) else { return false }
                index &+= 1
                skipSpace()
                guard peek() == UInt8(ascii: ",") else { break }
                at &+= 1
                skipSpace()
            }
        }
        guard index >= contract.required else { return false }
        while index < contract.count {
            (values + index).initialize(to: jf_value())
            index &+= 1
        }
        return true
    }

    // MARK: Values

    /// Reads the value at the cursor, which is not at white space.
    private mutating func value(_ index: Int, _ target: UnsafeMutablePointer<jf_value>) -> Bool {
        target.initialize(to: jf_value())
        let node = nodes[index]
        let first = peek()
        if first == UInt8(ascii: "n"), node.isOptional || node.kind != .json {
            at &+= 4
            return node.isOptional
        }
        switch node.kind {
        case .bool:
            guard first == UInt8(ascii: "t") || first == UInt8(ascii: "f") else { return false }
            at &+= first == UInt8(ascii: "t") ? 4 : 5
            target.pointee.kind = JF_VALUE_BOOL
            target.pointee.val.i32 = first == UInt8(ascii: "t") ? 1 : 0
            return true
        case .i32, .i64, .u32, .u64: return integer(node.kind, target)
        case .f32, .f64: return float(node.kind, target)
        case .string, .cstring: return string(target, isTerminated: node.kind == .cstring)
        case .bytes: return binary == .attachment ? attachment(target) : base64(target)
        case .json:
            guard let token = token(), let copy = copy(token) else { return false }
            target.pointee.kind = JF_VALUE_JSON
            target.pointee.val.text = copy
            return true
        case .array: return array(Int(node.first), target)
        case .record: return record(node, target)
        }
    }

    private mutating func array(_ element: Int, _ target: UnsafeMutablePointer<jf_value>) -> Bool {
        guard peek() == UInt8(ascii: "[") else { return false }
        at &+= 1
        skipSpace()
        target.pointee.kind = JF_VALUE_ARRAY
        if peek() == UInt8(ascii: "]") {
            at &+= 1
            return true
        }
        var capacity = 8
        guard var items = arena.allocate(values: capacity) else { return false }
        var count = 0
        while true {
            if count == capacity {
                guard let more = arena.allocate(values: 2 * capacity) else { return false }
                more.update(from: items, count: count)
                items = more
                capacity *= 2
            }
            guard value(element, items + count) else { return false }
            count &+= 1
            skipSpace()
            guard peek() == UInt8(ascii: ",") else { break }
            at &+= 1
            skipSpace()
        }
        at &+= 1
        target.pointee.count = UInt32(count)
        target.pointee.val.items = UnsafePointer(items)
        return true
    }

    private mutating func record(_ node: ContractNode, _ target: UnsafeMutablePointer<jf_value>) -> Bool {
        guard peek() == UInt8(ascii: "{") else { return false }
        let count = Int(node.count)
        guard let values = arena.allocate(values: max(1, count)) else { return false }
        values.initialize(repeating: jf_value(), count: max(1, count))
        target.pointee.kind = JF_VALUE_RECORD
        target.pointee.count = UInt32(count)
        target.pointee.val.items = UnsafePointer(values)
        /// One bit for each field that was there, and for each whose last value is wrong; the first field is lowest.
        var seen: UInt64 = 0
        var wrong: UInt64 = 0
        /// The field that probably comes next: clients write members in the declared order.
        var hint = 0
        at &+= 1
        skipSpace()
        if peek() != UInt8(ascii: "}") {
            while true {
                guard let key = token() else { return false }
                skipSpace()
                // Past the colon.
                at &+= 1
                skipSpace()
                if let field = find(key, node, hint) {
                    let bit: UInt64 = 1 &<< UInt64(truncatingIfNeeded: field)
                    let start = at
                    if value(Int(fields[Int(node.first) &+ field].node), values + field) {
                        wrong &= ~bit
                    } else {
                        // A later member with the same key counts instead.
                        guard !arena.isExhausted else { return false }
                        wrong |= bit
                        at = start
                        guard token() != nil else { return false }
                    }
                    seen |= bit
                    hint = field &+ 1
                } else {
                    guard node.isOpen, token() != nil else { return false }
                }
                skipSpace()
                guard peek() == UInt8(ascii: ",") else { break }
                at &+= 1
                skipSpace()
            }
        }
        at &+= 1
        guard wrong == 0 else { return false }
        for field in 0..<count where seen & 1 &<< UInt64(truncatingIfNeeded: field) == 0 {
            guard nodes[Int(fields[Int(node.first) &+ field].node)].isOptional else { return false }
        }
        return true
    }

    /// The index of the field with this key, a JSON string with its quotes.
    private func find(_ key: UnsafeRawBufferPointer, _ node: ContractNode, _ hint: Int) -> Int? {
        let count = Int(node.count)
        if hint < count, isEqual(key, Int(node.first) &+ hint) { return hint }
        return (0..<count).first { isEqual(key, Int(node.first) &+ $0) }
    }

    @inline(__always)
    private func isEqual(_ key: UnsafeRawBufferPointer, _ field: Int) -> Bool {
        let field = fields[field]
        let name = UnsafeRawBufferPointer(start: names + Int(field.name), count: field.nameCount)
        guard key.count >= name.count &+ 2 else { return false }
        if key.count == name.count &+ 2 {
            // Names have no backslash, so a key with an escape is not equal byte for byte.
            guard let key = key.baseAddress, let name = name.baseAddress else { return false }
            return memcmp(key + 1, name, field.nameCount) == 0
        }
        return JSONText.isEqual(key, to: name)
    }

    // MARK: Numbers

    @inline(__always)
    private mutating func integer(_ kind: ContractNode.Kind, _ target: UnsafeMutablePointer<jf_value>) -> Bool {
        let start = at
        let isNegative = peek() == UInt8(ascii: "-")
        if isNegative { at &+= 1 }
        let digits = at
        var magnitude: UInt64 = 0
        while true {
            let digit = peek() &- 0x30
            guard digit < 10 else { break }
            magnitude = magnitude &* 10 &+ UInt64(digit)
            at &+= 1
        }
        let next = peek()
        guard at > digits else { return false }
        // More than 19 digits may overflow.
        if at &- digits <= 19, next != UInt8(ascii: "."), next | 0x20 != UInt8(ascii: "e") {
            return store(magnitude, isNegative, kind, target)
        }
        at = start
        return unusualInteger(kind, target)
    }

    /// Reads an integer with a fraction, an exponent, or many digits.
    @inline(never)
    private mutating func unusualInteger(_ kind: ContractNode.Kind, _ target: UnsafeMutablePointer<jf_value>) -> Bool {
        guard let token = token(), case .value(let magnitude, let isNegative) = WholeNumber(token) else { return false }
        return store(magnitude, isNegative, kind, target)
    }

    @inline(__always)
    private func store(
        _ magnitude: UInt64, _ isNegative: Bool, _ kind: ContractNode.Kind, _ target: UnsafeMutablePointer<jf_value>
    ) -> Bool {
        let signed = Int64(truncatingIfNeeded: isNegative ? 0 &- magnitude : magnitude)
        switch kind {
        case .i32:
            guard magnitude < 1 << 31 || isNegative && magnitude == 1 << 31 else { return false }
            target.pointee.kind = JF_VALUE_I32
            target.pointee.val.i32 = Int32(truncatingIfNeeded: signed)
        case .i64:
            guard magnitude < 1 << 63 || isNegative && magnitude == 1 << 63 else { return false }
            target.pointee.kind = JF_VALUE_I64
            target.pointee.val.i64 = signed
        case .u32:
            guard magnitude < 1 << 32, !isNegative || magnitude == 0 else { return false }
            target.pointee.kind = JF_VALUE_U32
            target.pointee.val.u32 = UInt32(truncatingIfNeeded: magnitude)
        default:
            guard !isNegative || magnitude == 0 else { return false }
            target.pointee.kind = JF_VALUE_U64
            target.pointee.val.u64 = magnitude
        }
        return true
    }

    /// Powers of ten that `Double` holds exactly.
    private static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    @inline(__always)
    private mutating func float(_ kind: ContractNode.Kind, _ target: UnsafeMutablePointer<jf_value>) -> Bool {
        let start = at
        let isNegative = peek() == UInt8(ascii: "-")
        if isNegative { at &+= 1 }
        let first = at
        var mantissa: UInt64 = 0
        var fraction = 0
        while true {
            let digit = peek() &- 0x30
            guard digit < 10 else { break }
            mantissa = mantissa &* 10 &+ UInt64(digit)
            at &+= 1
        }
        guard at > first else { return false }
        if peek() == UInt8(ascii: ".") {
            at &+= 1
            let point = at
            while true {
                let digit = peek() &- 0x30
                guard digit < 10 else { break }
                mantissa = mantissa &* 10 &+ UInt64(digit)
                at &+= 1
            }
            fraction = at &- point
        }
        let value: Double
        // Both numbers are exact then, so the quotient is rounded once: Clinger's fast path. With at most 19 bytes, the
        // mantissa has not overflowed.
        if at &- first <= 19, mantissa <= 1 << 53, peek() | 0x20 != UInt8(ascii: "e") {
            let magnitude = fraction == 0 ? Double(mantissa) : Double(mantissa) / Self.powers[fraction]
            value = isNegative ? -magnitude : magnitude
        } else {
            at = start
            guard let parsed = unusualFloat() else { return false }
            value = parsed
        }
        if kind == .f64 {
            target.pointee.kind = JF_VALUE_F64
            target.pointee.val.f64 = value
            return true
        }
        // As JavaScript's Math.fround, from the value that JavaScript has.
        let rounded = Float(value)
        target.pointee.kind = JF_VALUE_F32
        target.pointee.val.f32 = rounded
        return rounded.isFinite
    }

    @inline(never)
    private mutating func unusualFloat() -> Double? {
        guard let token = token(), let value = Double(String(decoding: token, as: UTF8.self)), value.isFinite else {
            return nil
        }
        return value
    }

    // MARK: Texts

    private mutating func string(_ target: UnsafeMutablePointer<jf_value>, isTerminated: Bool) -> Bool {
        guard peek() == UInt8(ascii: "\""), let token = token(), let text = unquote(token) else { return false }
        // Valid JSON contains U+0000 only as an escape, which is longer than the text.
        if isTerminated, text.len &+ 2 < token.count, let start = text.ptr, memchr(start, 0, Int(text.len)) != nil {
            return false
        }
        target.pointee.kind = JF_VALUE_STRING
        target.pointee.val.text = text
        return true
    }

    /// The text of a JSON string, with a zero byte behind it.
    private mutating func unquote(_ token: UnsafeRawBufferPointer) -> jf_text? {
        let content = UnsafeRawBufferPointer(rebasing: token[1..<token.count - 1])
        guard let start = content.baseAddress, memchr(start, Int32(UInt8(ascii: "\\")), content.count) != nil else {
            return copy(content)
        }
        // Every escape is longer than what it stands for.
        guard let buffer = arena.allocate(content.count + 1),
            let count = JSONText.unquote(
                token, into: UnsafeMutableRawBufferPointer(start: buffer, count: content.count))
        else { return nil }
        buffer.storeBytes(of: 0, toByteOffset: count, as: UInt8.self)
        return jf_text(UnsafeRawBufferPointer(start: buffer, count: count))
    }

    /// A copy with a zero byte behind it.
    private mutating func copy(_ bytes: UnsafeRawBufferPointer) -> jf_text? {
        guard let buffer = arena.allocate(bytes.count + 1) else { return nil }
        if let start = bytes.baseAddress { buffer.copyMemory(from: start, byteCount: bytes.count) }
        buffer.storeBytes(of: 0, toByteOffset: bytes.count, as: UInt8.self)
        return jf_text(UnsafeRawBufferPointer(start: buffer, count: bytes.count))
    }

    // MARK: Bytes

    /// Reads the placeholder of an attachment. As in the reference implementation, other members are ignored, and the
    /// last of equal keys counts.
    private mutating func attachment(_ target: UnsafeMutablePointer<jf_value>) -> Bool {
        guard peek() == UInt8(ascii: "{") else { return false }
        var isPlaceholder = false
        var number: UInt64?
        at &+= 1
        skipSpace()
        if peek() != UInt8(ascii: "}") {
            while true {
                guard let key = token() else { return false }
                skipSpace()
                at &+= 1
                skipSpace()
                guard let value = token() else { return false }
                if JSONText.isEqual(key, to: "_placeholder") {
                    isPlaceholder = value.first == UInt8(ascii: "t")
                } else if JSONText.isEqual(key, to: "num") {
                    let isNumber = value.first.map { $0 == UInt8(ascii: "-") || $0 &- 0x30 < 10 } ?? false
                    number = isNumber ? WholeNumber(value).uint64 : nil
                }
                skipSpace()
                guard peek() == UInt8(ascii: ",") else { break }
                at &+= 1
                skipSpace()
            }
        }
        at &+= 1
        guard isPlaceholder, let number, number < UInt64(attachmentCount), let attachments else { return false }
        target.pointee.kind = JF_VALUE_BYTES
        target.pointee.val.bytes = attachments[Int(number)]
        return true
    }

    /// Reads a string of base64: either alphabet of RFC 4648, with its padding or without any.
    private mutating func base64(_ target: UnsafeMutablePointer<jf_value>) -> Bool {
        guard peek() == UInt8(ascii: "\""), let token = token(), let text = unquote(token) else { return false }
        let digits = UnsafeMutableRawBufferPointer(
            start: UnsafeMutableRawPointer(mutating: text.ptr), count: Int(text.len))
        guard Self.isBase64(UnsafeRawBufferPointer(digits)) else { return false }
        target.pointee.kind = JF_VALUE_BYTES
        target.pointee.val.bytes = jf_bytes(
            UnsafeRawBufferPointer(start: digits.baseAddress, count: Base64.decode(inPlace: digits)))
        return true
    }

    private static func isBase64(_ text: UnsafeRawBufferPointer) -> Bool {
        let digits = text.prefix { $0 != UInt8(ascii: "=") }
        let padding = text.count - digits.count
        let tail = digits.count & 3
        return tail != 1 && (padding == 0 || tail != 0 && tail + padding == 4)
            && text.suffix(padding).allSatisfy { $0 == UInt8(ascii: "=") }
            && digits.allSatisfy { Base64.isDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
    }

    // MARK: The cursor

    @inline(__always)
    private func peek() -> UInt8 { at < end ? base.load(fromByteOffset: at, as: UInt8.self) : 0 }

    @inline(__always)
    private mutating func skipSpace() {
        while at < end, base.load(fromByteOffset: at, as: UInt8.self) <= 0x20 { at &+= 1 }
    }

    /// Skips the value or key at the cursor, and returns its bytes.
    private mutating func token() -> UnsafeRawBufferPointer? {
        guard let stop = JSONScanner.endOfValue(in: json, from: at), stop > at else { return nil }
        defer { at = stop }
        return UnsafeRawBufferPointer(start: base + at, count: stop - at)
    }
}
