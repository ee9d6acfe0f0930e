// swift-tools-version: 6.2
import PackageDescription

// A package of its own, because everything in it is built with libFuzzer's and AddressSanitizer's instrumentation: see
// README.md. A target's folder must lie within its package, so Modules/ holds links to the modules in ../Sources.

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Modules/\(name)")
}

func fuzzer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: ["FuzzSupport"] + dependencies, path: "Targets/\(name)")
}

let package = Package(
    name: "jackfield-fuzz",
    // The versions of ../Package.swift.
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    ],
    targets: [
        .systemLibrary(
            name: "COpenSSL", path: "Modules/COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", path: "Modules/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CSendRing", path: "Modules/CSendRing", linkerSettings: [.linkedLibrary("uring")]),
        module("CPrefetch"),
        module("CMalloc"),
        module("CIsolation"),
        module("Support"),
        module("RawJSON", ["Support"]),
        module("Signatures", ["RawJSON", "Support"]),
        module("Isolation", ["CIsolation", "Support"]),
        module("Identity", ["COpenSSL", "RawJSON", "Support"]),
        module("EngineIO", ["RawJSON", "Support"]),
        module("SocketIO", ["CPrefetch", "EngineIO", "RawJSON", "Support"]),
        module(
            "Transport",
            [
                "SocketIO", "EngineIO", "RawJSON", "Support", "CMalloc", "COpenSSL", "CZlib", "CSendRing",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ]),

        .target(name: "FuzzSupport", path: "Support"),
        fuzzer("RawJSONFuzz", ["RawJSON", "Support"]),
        fuzzer("SignaturesFuzz", ["Signatures", "Support"]),
        fuzzer("ContractsFuzz", ["Signatures", "RawJSON", "Support"]),
        fuzzer("IdentityFuzz", ["Identity", "RawJSON"]),
        fuzzer("IsolationFuzz", ["Isolation", "CIsolation", "Support"]),
        fuzzer("EngineIOFuzz", ["EngineIO"]),
        fuzzer("SocketIOFuzz", ["SocketIO", "EngineIO", "RawJSON", "Support"]),
        fuzzer("WebSocketFuzz", ["Transport", "EngineIO"]),
        fuzzer(
            "HTTPFuzz",
            [
                "Transport", "SocketIO", "EngineIO",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)
