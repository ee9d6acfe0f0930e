import Foundation
import Support

/// A `Decoder` that returns placeholders and records what a type decodes: its shape. Used for one derivation on one
/// thread.
final class ShapeRecorder: Decoder {
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    /// The types whose derivation has begun, the outermost first: a type that contains itself has no shape.
    private let types: [any Any.Type]

    /// What the type has asked for.
    private enum Recorded {
        case nothing
        case value(SignatureShape)
        case elements(ShapeRecorder)
        case members([(name: ByteString, recorder: ShapeRecorder)])
    }

    private var recorded = Recorded.nothing
    /// The type has asked whether the value is null or absent.
    fileprivate var isOptional = false
    /// The type has asked which keys there are.
    fileprivate var readsAnyKeys = false

    private init(_ codingPath: [any CodingKey], within types: [any Any.Type]) {
        self.codingPath = codingPath
        self.types = types
    }

    /// The shape of a type, and a placeholder.
    ///
    /// - Parameter types: the types whose derivation has begun.
    static func derive<T: Decodable>(
        _ type: T.Type, within types: [any Any.Type], at path: [any CodingKey] = []
    ) throws -> (shape: SignatureShape, value: T) {
        if let (kind, value) = try known(type, at: path), let value = value as? T { return (.init(kind), value) }
        guard !types.contains(where: { $0 == type }) else {
            throw DerivationError("\(type) contains itself; use JSON for this member of it\(place(path))")
        }
        let recorder = ShapeRecorder(path, within: types + [type])
        var value: T?
        var refusal: (any Error)?
        do {
            value = try T(from: recorder)
        } catch let error as DerivationError {
            throw error
        } catch {
            refusal = error
            value = sample(type)
        }
        guard !recorder.readsAnyKeys else {
            throw DerivationError(
                "\(type)\(place(path)) has no type in signatures: its members, or the cases of the enumeration, depend on "
                    + "the value; use JSON")
        }
        guard let value else {
            throw DerivationError(
                "\(type)\(place(path)) refuses placeholder values, so its signature cannot be derived; conform an "
                    + "enumeration to CaseIterable, another type to SignatureSample. It said: "
                    + ((refusal as? DecodingError).map { JSON.words(for: $0, named: "the value") } ?? "nothing"))
        }
        return (try recorder.shape(), value)
    }

    /// The types that are not derived with `init(from:)`, with a placeholder.
    private static func known(_ type: any Any.Type, at path: [any CodingKey]) throws(DerivationError) -> (
        SignatureShape.Kind, Any
    )? {
        switch type {
        case is Bool.Type: return (.bool, false)
        case is Int.Type: return (.i64, 0 as Int)
        case is Int32.Type: return (.i32, 0 as Int32)
        case is Int64.Type: return (.i64, 0 as Int64)
        case is UInt.Type: return (.u64, 0 as UInt)
        case is UInt32.Type: return (.u32, 0 as UInt32)
        case is UInt64.Type: return (.u64, 0 as UInt64)
        case is Float.Type: return (.f32, 0 as Float)
        case is Double.Type: return (.f64, 0 as Double)
        case is String.Type: return (.string, "")
        case is JSON.Type: return (.json, JSON.null)
        case is Binary.Type: return (.bytes, Binary([]))
        case is Date.Type: return (.string, Date(timeIntervalSince1970: 0))
        case is Data.Type: return (.string, Data())
        case is URL.Type: return (.string, URL(filePath: "/"))
        case is UInt8.Type:
            throw DerivationError("UInt8\(place(path)) has no type in signatures; use UInt32, or Binary for bytes")
        case is Int8.Type, is Int16.Type, is UInt16.Type, is Decimal.Type:
            throw DerivationError("\(type)\(place(path)) has no type in signatures; use Int32, Int or Double")
        case let type as any ExpressibleByDictionaryLiteral.Type: return (.json, empty(type))
        default: return nil
        }
    }

    private static func empty<T: ExpressibleByDictionaryLiteral>(_ type: T.Type) -> T { T() }

    /// A valid value of a type that refuses placeholders.
    private static func sample<T>(_ type: T.Type) -> T? {
        if let type = type as? any SignatureSample.Type { return type.signatureSample as? T }
        func first<C: CaseIterable>(_ type: C.Type) -> T? { C.allCases.first as? T }
        if type is any RawRepresentable.Type, let type = type as? any CaseIterable.Type { return first(type) }
        return nil
    }

    /// ` (in .items[0].price)`.
    private static func place(_ path: [any CodingKey]) -> String {
        path.isEmpty ? "" : " (in \(JSON.place(path, in: "")))"
    }

    private func shape() throws(DerivationError) -> SignatureShape {
        let base: SignatureShape =
            switch recorded {
            // A type without members does not even ask for a container.
            case .nothing: .init(.record([]))
            case .value(let shape): shape
            case .elements(let recorder): .init(.array(try recorder.shape()))
            case .members(let members): .init(.record(try Self.fields(members)))
            }
        guard isOptional else { return base }
        guard !base.isOptional else {
            throw DerivationError("an optional of an optional\(Self.place(codingPath)) has no type in signatures")
        }
        return .init(.optional(base))
    }

    private static func fields(
        _ members: [(name: ByteString, recorder: ShapeRecorder)]
    ) throws(DerivationError) -> [SignatureShape.Field] {
        var fields: [SignatureShape.Field] = []
        for (name, recorder) in members { fields.append(.init(name: name, shape: try recorder.shape())) }
        return fields
    }

    // MARK: Recording

    /// Records a value of this type, and returns a placeholder.
    fileprivate func record<T: Decodable>(_ type: T.Type) throws -> T {
        let (shape, value) = try Self.derive(type, within: types, at: codingPath)
        if case .value(let known) = recorded, known != shape {
            throw DerivationError("\(outermost)\(Self.place(codingPath)) is read as \(known) and as \(shape); use JSON")
        }
        recorded = .value(shape)
        return value
    }

    fileprivate func member(_ key: any CodingKey) throws(DerivationError) -> ShapeRecorder {
        let name = ByteString(key.stringValue)
        var members: [(name: ByteString, recorder: ShapeRecorder)] =
            if case .members(let members) = recorded { members } else { [] }
        if let known = members.first(where: { $0.name == name }) { return known.recorder }
        guard SignatureShape.isName(key.stringValue) else {
            throw DerivationError(
                "the member '\(key.stringValue.cut(to: 64))' of \(outermost) cannot be named in signatures: "
                    + "use letters, digits and underscores")
        }
        let recorder = ShapeRecorder(codingPath + [key], within: types)
        members.append((name, recorder))
        recorded = .members(members)
        return recorder
    }

    /// All elements have one shape.
    fileprivate func element() -> ShapeRecorder {
        if case .elements(let recorder) = recorded { return recorder }
        let recorder = ShapeRecorder(codingPath + [JSONIndex(0)], within: types)
        recorded = .elements(recorder)
        return recorder
    }

    fileprivate var outermost: String { types.first.map { "\($0)" } ?? "the value" }

    fileprivate func unsupported(_ what: String) -> DerivationError {
        DerivationError("\(types.last.map { "\($0)" } ?? "a type")\(Self.place(codingPath)) \(what); use JSON")
    }

    // MARK: Decoder

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        if case .nothing = recorded { recorded = .members([]) }
        return KeyedDecodingContainer(RecordedMembers(recorder: self))
    }

    func unkeyedContainer() -> any UnkeyedDecodingContainer { RecordedElements(recorder: self) }

    func singleValueContainer() -> any SingleValueDecodingContainer { RecordedValue(recorder: self) }
}

/// Records the members of a record.
private struct RecordedMembers<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let recorder: ShapeRecorder
    var codingPath: [any CodingKey] { recorder.codingPath }

    /// A type that reads keys which it does not name is no record.
    var allKeys: [Key] {
        recorder.readsAnyKeys = true
        return []
    }

    /// A type that asks for a key accepts a value without it.
    func contains(_ key: Key) -> Bool {
        guard let member = try? recorder.member(key) else { return false }
        member.isOptional = true
        return true
    }

    func decodeNil(forKey key: Key) throws -> Bool {
        try recorder.member(key).isOptional = true
        return false
    }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T { try recorder.member(key).record(type) }

    func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T? {
        let member = try recorder.member(key)
        member.isOptional = true
        return try member.record(type)
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) throws
        -> KeyedDecodingContainer<Nested>
    {
        try recorder.member(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try recorder.member(key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { throw recorder.unsupported("decodes a superclass") }
    func superDecoder(forKey key: Key) throws -> any Decoder { throw recorder.unsupported("decodes a superclass") }
}

/// Records the elements of a list: the type is offered one.
private struct RecordedElements: UnkeyedDecodingContainer {
    let recorder: ShapeRecorder
    var codingPath: [any CodingKey] { recorder.codingPath }
    var count: Int? { nil }
    private(set) var currentIndex = 0
    var isAtEnd: Bool { currentIndex > 0 }

    init(recorder: ShapeRecorder) { self.recorder = recorder }

    mutating func decodeNil() -> Bool {
        recorder.element().isOptional = true
        return false
    }

    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
        currentIndex += 1
        return try recorder.element().record(type)
    }

    mutating func nestedContainer<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        currentIndex += 1
        return recorder.element().container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedDecodingContainer {
        currentIndex += 1
        return recorder.element().unkeyedContainer()
    }

    mutating func superDecoder() throws -> any Decoder { throw recorder.unsupported("decodes a superclass") }
}

/// Records one value.
private struct RecordedValue: SingleValueDecodingContainer {
    let recorder: ShapeRecorder
    var codingPath: [any CodingKey] { recorder.codingPath }

    func decodeNil() -> Bool {
        recorder.isOptional = true
        return false
    }

    func decode<T: Decodable>(_ type: T.Type) throws -> T { try recorder.record(type) }
}
