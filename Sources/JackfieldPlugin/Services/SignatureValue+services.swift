/// How the types of the signature language become values of service calls, and back. A value of another kind than the
/// type's is an error; the host never passes one.
extension SignatureValue {
    public static func read(from arguments: inout MethodArgumentReader) throws -> Self { try arguments.next() }

    /// A type of your own, through its `init(from:)`.
    public static func read(_ value: jf_value, as shape: SignatureShape) throws -> Self {
        try Self(from: ValueDecoder(value, shape))
    }

    /// A type of your own, through its `encode(to:)`.
    public func write(as shape: SignatureShape, to memory: inout ValueMemory) throws -> jf_value {
        let encoder = ValueEncoder(shape, memory.shared())
        try encode(to: encoder)
        return encoder.value()
    }
}

extension SignatureShape {
    /// Without the `?`.
    var unwrapped: SignatureShape {
        if case .optional(let wrapped) = kind { wrapped } else { self }
    }

    /// Throws if a value of this Swift type does not fit the shape.
    func check(_ fits: Bool, _ value: some Any, at path: [any CodingKey] = []) throws {
        guard !fits else { return }
        throw EncodingError.invalidValue(
            value,
            .init(codingPath: path, debugDescription: "\(type(of: value)) is encoded where \(self) is decoded"))
    }
}

extension jf_value {
    /// Throws if the value has another kind.
    func check(_ kind: UInt32, _ type: any Any.Type, at path: [any CodingKey] = []) throws {
        guard self.kind != kind else { return }
        let context = DecodingError.Context(codingPath: path, debugDescription: "the value has kind \(self.kind)")
        throw self.kind == JF_VALUE_NONE
            ? DecodingError.valueNotFound(type, context) : DecodingError.typeMismatch(type, context)
    }
}

extension Bool {
    public static func read(_ value: jf_value, as shape: SignatureShape) throws -> Bool {
        try value.check(JF_VALUE_BOOL, Bool.self)
        return value.val.i32 != 0
    }

    public func write(as shape: SignatureShape, to memory: inout ValueMemory) throws -> jf_value {
        try shape.check(shape.unwrapped.kind == .bool, self)
        return jf_bool(self ? 1 : 0)
    }
}

extension Int {
    public static func read(_ value: jf_value, as shape: SignatureShape) throws -> Int {
        try value.check(JF_VALUE_I64, Int.self)
        return Int(value.val.i64)
    }

    public func write(as shape: SignatureShape, to memory: inout ValueMemory) throws -> jf_value {
        try shape.check(shape.unwrapped.kind == .i64, self)
        return jf_i64(Int64(self))
    }
}

extension Int32 {
    public static func read(_ value: jf_value, as shape: SignatureShape) throws -> Int32 {
        try value.check(JF_VALUE_I32, Int32.self)
        return value.val.i32
    }

    public func write(as shape: SignatureShape, to memory: inout ValueMemory) throws -> jf_value {
        try shape.check(shape.unwrapped.kind == .i32, self)
        return jf_i32(self)
    }
}

extension Int64 {
    public static func read(_ value: jf_value, as shape: SignatureShape) throws -> Int64 {
        try value.check(JF_VALUE_I64, Int64.self)
        return value.val.i64
    }

    public func write(as shape: SignatureShape, to memory: inout ValueMemory) throws -> jf_value {
        try shape.check(shape.unwrapped.kind == .i64, self)
        return jf_i64(self)
    }
}

extension UInt {
    public static func read(_ value: jf_value, as shape: SignatureShape) throws -> UInt {
        try value.check(JF_VALUE_U64, UInt.self)
        return UInt(value.val.u64)
    }

    public func write(as shape: SignatureShape, to memory: inout ValueMemory) throws -> jf_value {
        try shape.check(shape.unwrapped.kind == .u64, self)
        return jf_u64(UInt64(self))
    }
}

extension UInt32 {
    public static func read(_ value: jf_value, as shape: SignatureShape) throws -> UInt32 {
        try value.check(JF_VALUE_U32, UInt32.self)
        return value.val.u32
    }

    public func write(as shape: SignatureShape, to memory: inout ValueMemory) throws -> jf_value {
        try shape.check(shape.unwrapped.kind == .u32, self)
        return jf_u32(self)
    }
}

extension UInt64 {
    public static func read(_ value: jf_value, as shape: SignatureShape) throws -> UInt64 {
        try value.check(JF_VALUE_U64, UInt64.self)
        return value.val.u64
    }

    public func write(as shape: SignatureShape, to memory: inout ValueMemory) throws -> jf_value {
        try shape.check(shape.unwrapped.kind == .u64, self)
        return jf_u64(self)
    }
}

extension Float {
    public static func read(_ value: jf_value, as shape: SignatureShape) throws -> Float {
        try value.check(JF_VALUE_F32, Float.self)
        return value.val.f32
    }

    public func write(as shape: SignatureShape, to memory: inout ValueMemory) throws -> jf_value {
        try shape.check(shape.unwrapped.kind == .f32, self)
        return jf_f32(self)
    }
}

extension Double {
    public static func read(_ value: jf_value, as shape: SignatureShape) throws -> Double {
        try value.check(JF_VALUE_F64, Double.self)
        return value.val.f64
    }

    public func write(as shape: SignatureShape, to memory: inout ValueMemory) throws -> jf_value {
        try shape.check(shape.unwrapped.kind == .f64, self)
        return jf_f64(self)
    }
}

extension String {
    public static func read(_ value: jf_value, as shape: SignatureShape) throws -> String {
        try value.check(JF_VALUE_STRING, String.self)
        return String(value.val.text)
    }

    public func write(as shape: SignatureShape, to memory: inout ValueMemory) throws -> jf_value {
        try shape.check(shape.unwrapped.kind == .string, self)
        return jf_string(memory.copy(self))
    }
}

extension Binary {
    public static func read(_ value: jf_value, as shape: SignatureShape) throws -> Binary {
        try value.check(JF_VALUE_BYTES, Binary.self)
        return Binary(UnsafeRawBufferPointer(value.val.bytes))
    }

    public func write(as shape: SignatureShape, to memory: inout ValueMemory) throws -> jf_value {
        try shape.check(shape.unwrapped.kind == .bytes, self)
        return jf_octets(jf_bytes(memory.copy(bytes)))
    }
}

extension JSON {
    public static func read(_ value: jf_value, as shape: SignatureShape) throws -> JSON {
        try value.check(JF_VALUE_JSON, JSON.self)
        return JSON(unchecked: Array(UnsafeRawBufferPointer(value.val.text)))
    }

    public func write(as shape: SignatureShape, to memory: inout ValueMemory) throws -> jf_value {
        try shape.check(shape.unwrapped.kind == .json, self)
        return jf_json_text(jf_text(memory.copy(bytes)))
    }
}

extension Optional where Wrapped: SignatureValue {
    public static func read(_ value: jf_value, as shape: SignatureShape) throws -> Wrapped? {
        value.kind == JF_VALUE_NONE ? nil : try Wrapped.read(value, as: shape.unwrapped)
    }

    public func write(as shape: SignatureShape, to memory: inout ValueMemory) throws -> jf_value {
        guard let self else { return jf_none() }
        return try self.write(as: shape.unwrapped, to: &memory)
    }
}

extension Array where Element: SignatureValue {
    public static func read(_ value: jf_value, as shape: SignatureShape) throws -> [Element] {
        try value.check(JF_VALUE_ARRAY, [Element].self)
        guard case .array(let element) = shape.unwrapped.kind else { return [] }
        return try value.items.map { try Element.read($0, as: element) }
    }

    public func write(as shape: SignatureShape, to memory: inout ValueMemory) throws -> jf_value {
        guard case .array(let element) = shape.unwrapped.kind else {
            try shape.check(false, self)
            return jf_none()
        }
        var items: [jf_value] = []
        items.reserveCapacity(count)
        for item in self { items.append(try item.write(as: element, to: &memory)) }
        return jf_array(memory.copy(items), UInt32(items.count))
    }
}
