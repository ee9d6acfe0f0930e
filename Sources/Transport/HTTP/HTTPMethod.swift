/// The methods that are asked for here; applications compare others themselves.
enum HTTPMethod {
    case get
    case head
    case post
    case options
    case other

    init(_ bytes: UnsafeRawBufferPointer) {
        self =
            switch bytes.count {
            case 3 where bytes.isEqual(to: "GET"): .get
            case 4 where bytes.isEqual(to: "HEAD"): .head
            case 4 where bytes.isEqual(to: "POST"): .post
            case 7 where bytes.isEqual(to: "OPTIONS"): .options
            default: .other
            }
    }
}
