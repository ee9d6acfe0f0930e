import Support

/// Converts a value of the file to a setting. `apply` returns `nil` after it has refused the value.
struct ConfigurationRule<Value> {
    let apply: (ConfigurationValue) -> Value?
}

extension ConfigurationRule {
    /// Adds a condition on the converted value.
    func and(_ holds: @escaping (Value) -> Bool, _ what: String, _ remedy: String) -> Self {
        ConfigurationRule { value in
            guard let result = apply(value) else { return nil }
            guard holds(result) else {
                value.refuse(what, remedy)
                return nil
            }
            return result
        }
    }

    func map<Other>(_ transform: @escaping (Value) -> Other) -> ConfigurationRule<Other> {
        ConfigurationRule<Other> { value in apply(value).map(transform) }
    }

    /// A list of such values. Each element is refused separately; a single value counts as a list of one.
    var list: ConfigurationRule<[Value]> {
        ConfigurationRule<[Value]> { value in
            guard let elements = value.elements else { return apply(value).map { [$0] } }
            let results = elements.map(apply)
            return results.contains { $0 == nil } ? nil : results.compactMap { $0 }
        }
    }
}

extension ConfigurationRule where Value == Bool {
    static var boolean: Self {
        ConfigurationRule { value in
            if case .boolean(let result) = value.scalar { return result }
            value.refuse("\(value.described) is neither true nor false", "write true or false")
            return nil
        }
    }
}

extension ConfigurationRule where Value == Int {
    /// A whole number of `unit` in `range`. `1e6` is allowed, because Socket.IO's manual writes numbers so.
    static func integer(_ range: ClosedRange<Int>, _ unit: String) -> Self {
        integer(range, noun: "a number of \(unit)")
    }

    /// A whole number in `range`, called `noun` in "write … from 1 to 9".
    static func integer(_ range: ClosedRange<Int>, noun: String) -> Self {
        ConfigurationRule { value in
            let result: Int?
            switch value.scalar {
            case .integer(let integer): result = integer
            case .number(let number): result = Int(exactly: number)
            default: result = nil
            }
            let remedy = "write \(noun) from \(range.lowerBound) to \(range.upperBound)"
            guard let result else {
                value.refuse("\(value.described) is not a whole number", remedy)
                return nil
            }
            guard range.contains(result) else {
                value.refuse("\(value.described) is out of range", remedy)
                return nil
            }
            return result
        }
    }
}

extension ConfigurationRule where Value == Duration {
    /// Milliseconds from `least` to the maximum of a JavaScript client's timer (2³¹ − 1, 24.8 days), beyond which
    /// `setTimeout` fires at once. Times that no client's timer uses may have a larger maximum.
    static func milliseconds(from least: Int = 1, upTo most: Int = Int(Int32.max)) -> Self {
        ConfigurationRule<Int>.integer(least...most, "milliseconds").map { .milliseconds($0) }
    }
}

extension ConfigurationRule where Value == String {
    /// Any scalar as it is written, also a number: an issuer can be `12`.
    static var text: Self {
        ConfigurationRule { value in
            guard case .scalar(let scalar) = value.node else {
                value.refuse("\(value.described) stands here", "expected text")
                return nil
            }
            guard !scalar.string.isEmpty else {
                value.refuse("the text is empty", "write a value, or remove the key to get its default")
                return nil
            }
            return scalar.string
        }
    }

    /// An absolute URL path without query and fragment. A final slash is removed, since both forms are served.
    static var route: Self {
        let characters = { (path: String) in
            path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"?#\"<>\\^`{|}".utf8.contains($0) }
        }
        return
            text
            .and({ $0.hasPrefix("/") && characters($0) }, "this is not the path of a URL", "write one like /socket.io")
            .map { $0.count > 1 && $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
            .and({ $0 != "/" }, "the root belongs to the HTTP routes", "write a path like /socket.io")
    }
}

extension ConfigurationRule where Value: RawRepresentable & CaseIterable & Sendable, Value.RawValue == String {
    /// One of the cases. `refusals` has specific problems for words that are not a case.
    static func choice(refusing refusals: [String: (what: String, remedy: String)] = [:]) -> Self {
        ConfigurationRule { value in
            guard let text = ConfigurationRule<String>.text.apply(value) else { return nil }
            if let result = Value(rawValue: text) { return result }
            let names = Value.allCases.map(\.rawValue)
            if let refusal = refusals[text] {
                value.refuse(refusal.what, refusal.remedy)
            } else if let nearest = Spelling.nearest(to: text, among: names) {
                value.refuse("'\(text)' is not known", "did you mean '\(nearest)'?")
            } else {
                value.refuse("'\(text)' is not known", "write \(names.joined(separator: " or "))")
            }
            return nil
        }
    }
}

extension ConfigurationRule {
    /// A list in which no element may occur twice.
    func distinct<Element: Hashable>() -> Self where Value == [Element] {
        and({ Set($0).count == $0.count }, "the list names something twice", "name each once")
    }

    /// Refuses a list without elements.
    func nonempty<Element>(_ remedy: String) -> Self where Value == [Element] {
        and({ !$0.isEmpty }, "the list is empty", remedy)
    }
}
