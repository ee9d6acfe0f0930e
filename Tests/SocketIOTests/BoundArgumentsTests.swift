import Testing

@testable import SocketIO

@Suite struct BoundArgumentsTests {
    private static let first = #"{"_placeholder":true,"num":0}"#
    private static let second = #"{"_placeholder":true,"num":1}"#

    @Test("arguments in the reference's form are sent unchanged") func canonical() {
        #expect(bind("[\(Self.first),\"x\",[\(Self.second)]]", 2) == Bound(args: nil, order: [0, 1]))
        #expect(bind("[1,2]", 1) == Bound(args: nil, order: []))
    }

    @Test("placeholders are numbered in the order of the text") func swapped() {
        #expect(
            bind("[\(Self.second),\(Self.first)]", 2) == Bound(args: "[\(Self.first),\(Self.second)]", order: [1, 0]))
    }

    @Test("an attachment that two placeholders name is sent twice") func twice() {
        #expect(
            bind("[\(Self.first),\(Self.first)]", 1) == Bound(args: "[\(Self.first),\(Self.second)]", order: [0, 0]))
    }

    @Test("an attachment that no placeholder names is not sent") func unused() {
        #expect(bind("[\(Self.second)]", 2) == Bound(args: "[\(Self.first)]", order: [1]))
    }

    @Test(
        "placeholders in another form are rewritten",
        arguments: [
            #"{"num":0,"_placeholder":true}"#, #"{ "_placeholder" : true , "num" : 0 }"#,
            #"{"_placeholder":true,"num":0,"more":[{}]}"#,
            #"{"_placeholder":false,"_placeholder":true,"num":3,"num":0}"#, #"{"_placeholder":true,"num":0.0}"#,
            #"{"_placeholder":true,"num":-0}"#,
            #"{"\u005fplaceholder":true,"num":0}"#,
        ])
    func spellings(placeholder: String) {
        #expect(bind("[\(placeholder)]", 1) == Bound(args: "[\(Self.first)]", order: [0]))
    }

    @Test(
        "an object that only resembles a placeholder is data",
        arguments: [
            #"{"_placeholder":false,"num":0}"#, #"{"_placeholder":1,"num":0}"#,
            #"{"_placeholder":true,"_placeholder":null,"num":0}"#,
            #""{\"_placeholder\":true,\"num\":0}""#, #"{"placeholder":true,"num":0}"#,
        ])
    func data(argument: String) {
        #expect(bind("[\(argument)]", 1) == Bound(args: nil, order: []))
    }

    @Test(
        "a placeholder without an attachment is sent as null",
        arguments: [
            #"{"_placeholder":true,"num":1}"#, #"{"_placeholder":true,"num":-1}"#, #"{"_placeholder":true}"#,
            #"{"_placeholder":true,"num":"0"}"#,
            #"{"_placeholder":true,"num":0.5}"#,
        ])
    func missing(placeholder: String) {
        #expect(bind("[\(placeholder)]", 1) == Bound(args: "[null]", order: []))
    }

    private struct Bound: Equatable {
        var args: String?
        var order: [Int]
    }

    private func bind(_ args: String, _ count: Int) -> Bound {
        let bound = Array(args.utf8).withUnsafeBytes { BoundArguments($0, attachmentCount: count) }
        return Bound(args: bound.rewritten.map { String(decoding: $0, as: UTF8.self) }, order: bound.order)
    }
}
