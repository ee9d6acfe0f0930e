import Support

extension JSONValue {
    /// Parses one document.
    ///
    /// - Throws: ``JSONSyntaxError`` with the offset of the first byte at fault.
    public init(parsing bytes: UnsafeRawBufferPointer) throws(JSONSyntaxError) {
        let token = try JSONScanner.document(bytes)
        self.init(valid: UnsafeRawBufferPointer(rebasing: bytes[token.range]))
    }

    /// Parses one document.
    ///
    /// - Throws: ``JSONSyntaxError`` with the offset of the first byte at fault.
    public init(parsing bytes: [UInt8]) throws(JSONSyntaxError) {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(JSONSyntaxError) in try JSONValue(parsing: bytes) }
        }
        self = try result.get()
    }

    /// Parses one document.
    ///
    /// - Throws: ``JSONSyntaxError`` with the offset of the first byte at fault.
    public init(parsing text: String) throws(JSONSyntaxError) {
        try self.init(parsing: Array(text.utf8))
    }

    /// Builds the tree of one value that has passed ``JSONScanner``, which bounds how deep this recurses.
    private init(valid bytes: UnsafeRawBufferPointer) {
        switch JSONKind(firstByte: bytes[0]) {
        case .bool: self = .bool(bytes[0] == UInt8(ascii: "t"))
        case .number: self = .number(ByteString(decoding: bytes))
        case .string: self = .string(JSONText.byteString(bytes) ?? "")
        case .array:
            var elements: [JSONValue] = []
            var walker = JSONArrayWalker(bytes)
            while case .element(let range) = walker.next() {
                elements.append(JSONValue(valid: UnsafeRawBufferPointer(rebasing: bytes[range])))
            }
            self = .array(elements)
        case .object:
            var members: [Member] = []
            var walker = JSONObjectWalker(bytes)
            while case .member(let key, let value) = walker.next() {
                let key = JSONText.byteString(UnsafeRawBufferPointer(rebasing: bytes[key])) ?? ""
                members.append(Member(key, JSONValue(valid: UnsafeRawBufferPointer(rebasing: bytes[value]))))
            }
            self = .object(members)
        case .null, nil: self = .null
        }
    }
}
