import RawJSON
import Signatures
import Support
import Testing

/// The words of the violation that a check of the arguments finds; `nil` if they are valid.
func violation(
    of signature: String, in json: String, attachments: Int = 0, binary: BinaryForm = .attachment
) throws -> String? {
    let contract = Contract(try Signature(ByteString(signature)))
    let bytes = Array(json.utf8)
    try #require(JSONScanner.isValid(bytes))
    return bytes.withUnsafeBytes {
        contract.checkArguments($0, attachments: attachments, binary: binary)?.description
    }
}
