// swift-tools-version: 6.2
import PackageDescription

/// A message crosses five modules, so the optimizer must see across. Exclusivity of class members is checked in debug
/// builds, where all tests run; at run time the checks took up to half of what a packet costs (Benchmarks/NOTES.md).
let hotPath: [SwiftSetting] = [
    .unsafeFlags(["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release))
]

/// A plugin exports its one function. Two plugins carry two copies of GRDB, and neither may see the other's.
let pluginLinkage: [LinkerSetting] = [
    .unsafeFlags(["-Xlinker", "--version-script=\(Context.packageDirectory)/plugins/exports.map"])
]

let package = Package(
    name: "jackfield",
    products: [
        .executable(name: "jackfield", targets: ["jackfield"]),
        .library(name: "JackfieldPlugin", targets: ["JackfieldPlugin"]),
        .library(name: "notifications", type: .dynamic, targets: ["NotificationsEntry"]),
        .library(name: "rooms", type: .dynamic, targets: ["RoomsEntry"]),
        .library(name: "hello-swift", type: .dynamic, targets: ["HelloSwift"]),
        .library(name: "bench-swift", type: .dynamic, targets: ["BenchPlugin"]),
        .executable(name: "MicroBenchmarks", targets: ["MicroBenchmarks"]),
    ],
    // Versions are exact, because Package.resolved is not committed: it records the commit of each release, and a
    // mirror that carries the releases without their history has other commits, so that SwiftPM would refuse a build
    // from it. Only what these packages depend on themselves may vary, within the ranges that they name.
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    ],
    targets: [
        // The boundary and the C libraries.
        .systemLibrary(name: "CJackfield", path: "include"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        // liburing (liburing-dev), behind a header of our own.
        .target(name: "CSendRing", linkerSettings: [.linkedLibrary("uring")]),
        .target(name: "CPrefetch"),
        .target(name: "CSignals"),
        .target(name: "CCrashReport"),
        .target(name: "CMalloc"),
        // libffi (libffi-dev), behind a header of our own.
        .target(
            name: "CFunctionCall", cSettings: [.headerSearchPath("../../include")],
            linkerSettings: [.linkedLibrary("ffi")]),

        // The modules, lowest first. A module imports only what stands above it in this list.
        // No unsafe flags here and in the SDK: SwiftPM refuses them to whoever depends on this package.
        .target(name: "Support", swiftSettings: hotPath),
        .target(name: "RawJSON", dependencies: ["Support"]),
        .target(name: "Signatures", dependencies: ["RawJSON", "Support"], swiftSettings: hotPath),
        .target(name: "Identity", dependencies: ["COpenSSL", "RawJSON", "Support"]),
        .target(name: "Presence", dependencies: ["Support"]),
        .target(name: "EngineIO", dependencies: ["RawJSON", "Support"], swiftSettings: hotPath),
        .target(
            name: "SocketIO", dependencies: ["CPrefetch", "EngineIO", "RawJSON", "Support"], swiftSettings: hotPath),
        .target(
            name: "Transport",
            dependencies: [
                "SocketIO", "EngineIO", "RawJSON", "Support", "CMalloc", "CSendRing", "COpenSSL", "CZlib",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: hotPath),
        // Shared memory, worker processes and their sandbox.
        .target(name: "CIsolation"),
        .target(name: "Isolation", dependencies: ["CIsolation", "Support"], swiftSettings: hotPath),
        .target(
            name: "PluginHost",
            dependencies: [
                "CCrashReport", "CFunctionCall", "CJackfield", "Isolation", "Transport", "SocketIO", "EngineIO",
                "Presence", "Signatures", "RawJSON", "Support",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ],
            swiftSettings: hotPath),
        .target(
            name: "PrometheusMetrics",
            dependencies: ["Support", .product(name: "CoreMetrics", package: "swift-metrics")]),
        // What a process leaves for the one that watches it, and mallinfo2, behind a header of our own.
        .target(name: "CCheckRecord"),
        .target(
            name: "PluginCheck",
            dependencies: [
                "CCheckRecord", "CCrashReport", "PluginHost", "Transport", "SocketIO", "EngineIO", "Presence",
                "Signatures", "RawJSON",
                "Support",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .target(name: "WebAssets", resources: [.embedInCode("index.html")]),
        .target(
            name: "Daemon",
            dependencies: [
                "CCrashReport", "CSignals", "PluginCheck", "WebAssets", "PrometheusMetrics", "Isolation", "PluginHost",
                "Transport", "SocketIO",
                "EngineIO",
                "Presence", "Identity", "Signatures", "RawJSON", "Support",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ]),
        .executableTarget(
            name: "jackfield",
            dependencies: [
                "Daemon", "PluginCheck", "PluginHost", "Identity", "Signatures", "RawJSON", "Support",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),

        // The Swift SDK and the first-party plugins, which depend on nothing above but the header. A plugin's exported
        // function is a target of its own, since a test that links two plugins would have it twice.
        .target(name: "JackfieldPlugin", dependencies: ["CJackfield", "RawJSON", "Support"]),
        .target(
            name: "PluginStore",
            dependencies: [
                "JackfieldPlugin", "Support", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            path: "plugins/store"),
        .target(
            name: "NotificationsPlugin",
            dependencies: ["JackfieldPlugin", "PluginStore", "Support", .product(name: "GRDB", package: "GRDB.swift")],
            path: "plugins/notifications", exclude: ["Entry"]),
        .target(
            name: "NotificationsEntry", dependencies: ["JackfieldPlugin", "NotificationsPlugin"],
            path: "plugins/notifications/Entry",
            linkerSettings: pluginLinkage),
        .target(
            name: "RoomsPlugin",
            dependencies: ["JackfieldPlugin", "PluginStore", "Support", .product(name: "GRDB", package: "GRDB.swift")],
            path: "plugins/rooms", exclude: ["Entry"]),
        .target(
            name: "RoomsEntry", dependencies: ["JackfieldPlugin", "RoomsPlugin"], path: "plugins/rooms/Entry",
            linkerSettings: pluginLinkage),
        .target(
            name: "HelloSwift", dependencies: ["JackfieldPlugin"], path: "samples/hello-swift/Sources",
            linkerSettings: pluginLinkage),

        // What is measured: `make bench`, `make micro`, `make guard`.
        .target(
            name: "BenchPlugin", dependencies: ["JackfieldPlugin"], path: "Benchmarks/plugins/bench-swift",
            linkerSettings: pluginLinkage),
        .target(name: "CAllocations", path: "Benchmarks/Allocations"),
        .executableTarget(
            name: "MicroBenchmarks",
            dependencies: [
                "CAllocations", "PluginHost", "Transport", "SocketIO", "EngineIO", "Presence", "Identity", "Signatures",
                "RawJSON", "Support",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Benchmarks/Micro", swiftSettings: hotPath),

        // Tests mirror Sources/. What needs a running daemon is in Tests/EndToEnd and Tests/Golden, in Python.
        .testTarget(name: "SupportTests", dependencies: ["Support"]),
        .testTarget(name: "RawJSONTests", dependencies: ["RawJSON", "Support"]),
        .testTarget(name: "SignaturesTests", dependencies: ["Signatures", "RawJSON", "Support"]),
        .testTarget(name: "IdentityTests", dependencies: ["Identity", "RawJSON", "Support"]),
        .testTarget(name: "PresenceTests", dependencies: ["Presence", "Support"]),
        .testTarget(name: "EngineIOTests", dependencies: ["EngineIO", "Support"]),
        .testTarget(name: "SocketIOTests", dependencies: ["SocketIO", "EngineIO", "RawJSON", "Support"]),
        .testTarget(
            name: "TransportTests",
            dependencies: [
                "Transport", "SocketIO", "EngineIO", "Support", .product(name: "Logging", package: "swift-log"),
            ]),
        // The other process of tests of Isolation.
        .executableTarget(
            name: "IsolationPeer", dependencies: ["Isolation", "Support"], path: "Tests/IsolationPeer"),
        .testTarget(name: "IsolationTests", dependencies: ["Isolation", "CIsolation", "IsolationPeer", "Support"]),
        .testTarget(
            name: "PluginHostTests",
            dependencies: [
                "PluginHost", "CJackfield", "Transport", "SocketIO", "EngineIO", "Presence", "Signatures", "RawJSON",
                "Support",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "PrometheusMetricsTests",
            dependencies: ["PrometheusMetrics", .product(name: "CoreMetrics", package: "swift-metrics")]),
        .testTarget(
            name: "DaemonTests",
            dependencies: [
                "Daemon", "PluginHost", "PrometheusMetrics", "SocketIO", "EngineIO", "Identity", "Signatures",
                "RawJSON", "Support", .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "PluginCheckTests",
            dependencies: ["PluginCheck", "PluginHost", "Signatures", "RawJSON", "Support"]),
        .testTarget(name: "jackfieldTests", dependencies: ["jackfield", "Daemon", "Identity"]),
        // The host's side of the header, for tests of what stands on the plugin's side.
        .target(name: "FakeHost", dependencies: ["CJackfield"], path: "Tests/FakeHost"),
        .testTarget(name: "JackfieldPluginTests", dependencies: ["JackfieldPlugin", "FakeHost"]),
        .testTarget(
            name: "PluginStoreTests",
            dependencies: ["PluginStore", "JackfieldPlugin", .product(name: "GRDB", package: "GRDB.swift")]),
        .testTarget(
            name: "NotificationsPluginTests",
            dependencies: [
                "NotificationsPlugin", "PluginStore", "JackfieldPlugin", "FakeHost",
                .product(name: "GRDB", package: "GRDB.swift"),
            ]),
        .testTarget(
            name: "RoomsPluginTests", dependencies: ["RoomsPlugin", "PluginStore", "JackfieldPlugin", "FakeHost"]),
    ],
    swiftLanguageModes: [.v6]
)
