import Foundation

/// A Swift type that has a type in the signature language (`docs/signatures.md`), so that it can be a parameter or the
/// result of a typed event handler or of a service's method.
///
/// | Swift | signature |
/// |---|---|
/// | `Bool` | `bool` |
/// | `Int32`, `UInt32` | `i32`, `u32` |
/// | `Int`, `Int64` | `i64` |
/// | `UInt`, `UInt64` | `u64` |
/// | `Float`, `Double` | `f32`, `f64` |
/// | `String` | `string` |
/// | ``Binary`` | `bytes` |
/// | ``JSON`` | `json` |
/// | `T?` | `T?`; the value may be null, and as a parameter or a field also absent |
/// | `[T]` | `T[]` |
/// | a `Codable` struct | `{name: type, …}`, closed |
/// | an enumeration with raw values | the type of its raw values |
///
/// For a type of your own, conformance is all: the SDK runs `init(from:)` once, when the plugin is loaded, with a
/// decoder that records which members it decodes.
///
/// ```swift
/// struct Row: SignatureValue {      // {id: string, seen: bool?}
///     let id: String
///     let seen: Bool?
/// }
/// ```
///
/// The types of members need only be `Codable`. Beside those above, a member may be a `Date` or `URL` (`string`),
/// `Data` (`string`, base64) or a dictionary (`json`). An enumeration must be `CaseIterable`, and a type whose
/// `init(from:)` refuses 0, "" or false must be a ``SignatureSample``. A type that contains itself, an enumeration with
/// associated values, integers of 8 and 16 bits and `Decimal` have no type in the signature language; the plugin is not
/// loaded, and the log says why. For a record that clients may extend (`{id: string, ...}`) write the signature
/// yourself: ``Declarations/on(_:signature:_:)``.
public protocol SignatureValue: EventParameter, MethodParameter, Codable {
    /// The value of a service call. A type of your own needs not implement it.
    static func read(_ value: jf_value, as shape: SignatureShape) throws -> Self

    /// A value for a service call, which points to `memory`. A type of your own needs not implement it.
    func write(as shape: SignatureShape, to memory: inout ValueMemory) throws -> jf_value
}

extension SignatureValue {
    /// The type in the signature language: `{id: string, seen: bool?}`. Any thread.
    ///
    /// Throws ``DerivationError`` if the type has none.
    public static var signatureType: String {
        get throws(DerivationError) { try SignatureShape(of: Self.self).description }
    }
}

/// A type whose `init(from:)` refuses some values, so that the SDK cannot derive its signature with placeholders (0,
/// "", false). It must decode all of its members before it refuses one.
public protocol SignatureSample: Decodable {
    /// Any valid value.
    static var signatureSample: Self { get }
}

/// Why a type has no signature. The message names the type and the member.
public struct DerivationError: Error, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// A parameter of a typed event handler: a ``SignatureValue``, which is an argument of the event, or a ``Socket``,
/// which is the sender. Do not conform other types.
public protocol EventParameter: Sendable {
    /// Called by the SDK for each event, in the order of the parameters.
    static func read(from arguments: inout EventArgumentReader) throws -> Self
}

extension SignatureValue {
    public static func read(from arguments: inout EventArgumentReader) throws -> Self { try arguments.next() }
}

extension Socket: EventParameter {
    public static func read(from arguments: inout EventArgumentReader) -> Socket { arguments.socket }
}

extension Bool: SignatureValue, EventParameter, MethodParameter {}
extension Int: SignatureValue, EventParameter, MethodParameter {}
extension Int32: SignatureValue, EventParameter, MethodParameter {}
extension Int64: SignatureValue, EventParameter, MethodParameter {}
extension UInt: SignatureValue, EventParameter, MethodParameter {}
extension UInt32: SignatureValue, EventParameter, MethodParameter {}
extension UInt64: SignatureValue, EventParameter, MethodParameter {}
extension Float: SignatureValue, EventParameter, MethodParameter {}
extension Double: SignatureValue, EventParameter, MethodParameter {}
extension String: SignatureValue, EventParameter, MethodParameter {}
extension Binary: SignatureValue, EventParameter, MethodParameter {}
extension JSON: SignatureValue, EventParameter, MethodParameter {}
extension Optional: SignatureValue, EventParameter, MethodParameter where Wrapped: SignatureValue {}
extension Array: SignatureValue, EventParameter, MethodParameter where Element: SignatureValue {}
