import Support

extension Signature {
    /// The first difference that matters to a caller who expects `expected` and is provided with this signature, in
    /// words: `parameter 2 'b': expected f64, provided i64`. `nil` if both are compatible.
    ///
    /// Compares the number and the types of the parameters, the result, and whether a call can fail. Names of functions
    /// and parameters do not matter. The order of a record's fields does: in C, a record is an array of values in this
    /// order.
    public func difference(from expected: Signature) -> String? {
        guard parameters.count == expected.parameters.count else {
            return "expected \(Self.count(expected.parameters)), provided \(Self.count(parameters))"
        }
        for (index, (provided, expected)) in zip(parameters, expected.parameters).enumerated() {
            let name = (expected.name ?? provided.name).map { " '\($0)'" } ?? ""
            let path = "parameter \(index + 1)\(name)"
            if let found = provided.type.difference(from: expected.type, at: path) { return found }
        }
        switch (result, expected.result) {
        case (nil, nil): break
        case (let provided?, let expected?):
            if let found = provided.difference(from: expected, at: "result") { return found }
        case (let provided, let expected):
            return "result: expected \(expected?.shown ?? "none"), provided \(provided?.shown ?? "none")"
        }
        guard canFail == expected.canFail else {
            return canFail
                ? "expected a call that cannot fail, provided one that 'throws'"
                : "expected a call that 'throws', provided one that cannot fail"
        }
        return nil
    }

    private static func count(_ parameters: [Parameter]) -> String {
        switch parameters.count {
        case 0: "no parameters"
        case 1: "1 parameter"
        default: "\(parameters.count) parameters"
        }
    }
}

extension SignatureType {
    /// The canonical text, or its beginning: at most 64 bytes.
    var shown: String {
        let text = description
        return text.utf8.count <= 64 ? text : String(decoding: text.utf8.prefix(61), as: UTF8.self) + "..."
    }

    fileprivate func difference(from expected: SignatureType, at path: String) -> String? {
        switch (self, expected) {
        case (.optional(.array(let provided)), .optional(.array(let expected))):
            return provided.difference(from: expected, at: path + ", elements")
        case (.optional(.record(let provided)), .optional(.record(let expected))):
            return provided.difference(from: expected, at: path)
        case (.array(let provided), .array(let expected)):
            return provided.difference(from: expected, at: path + ", elements")
        case (.record(let provided), .record(let expected)):
            return provided.difference(from: expected, at: path)
        default:
            return self == expected ? nil : "\(path): expected \(expected.shown), provided \(shown)"
        }
    }
}

extension SignatureType.Record {
    fileprivate func difference(from expected: SignatureType.Record, at path: String) -> String? {
        for field in expected.fields {
            let path = "\(path), member '\(field.name)'"
            guard let provided = fields.first(where: { $0.name == field.name }) else {
                return "\(path): expected \(field.type.shown), provided none"
            }
            if let found = provided.type.difference(from: field.type, at: path) { return found }
        }
        for field in fields where !expected.fields.contains(where: { $0.name == field.name }) {
            return "\(path), member '\(field.name)': expected none, provided \(field.type.shown)"
        }
        // Both have the same names.
        for (index, (provided, expected)) in zip(fields, expected.fields).enumerated() {
            guard provided.name == expected.name else {
                return "\(path): expected '\(expected.name)' as member \(index + 1), provided '\(provided.name)'"
            }
        }
        guard isOpen == expected.isOpen else {
            return "\(path): expected a record \(Self.kind(expected.isOpen)), provided one \(Self.kind(isOpen))"
        }
        return nil
    }

    private static func kind(_ isOpen: Bool) -> String { isOpen ? "with '...'" : "without '...'" }
}
