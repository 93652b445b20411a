# What `cmake --install` brings, and the Debian package (`cpack --config build/release/CPackConfig.cmake`): the program, its pages and
# completion (made by the program from its own tables), the headers that plugins are built with, licences, a systemd unit. The image
# (docker/Dockerfile) is Debian with this very package.
include(GNUInstallDirs)

set(pages ${CMAKE_BINARY_DIR}/pages)
add_custom_command(OUTPUT ${pages}/man1/sluice.1
  COMMAND ${CMAKE_COMMAND} -E make_directory ${pages}
  COMMAND sluice help --write ${pages}
  DEPENDS sluice VERBATIM)
add_custom_target(pages ALL DEPENDS ${pages}/man1/sluice.1)

install(TARGETS sluice RUNTIME)
install(DIRECTORY ${pages}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
install(FILES ${pages}/sluice.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME sluice)
install(FILES ${pages}/_sluice DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES packaging/sluice.service DESTINATION lib/systemd/system)

# All that api/plugin.h includes: a plugin is compiled with -I .../include/sluice.
foreach(header api/connector api/converter api/plugin api/predicate api/transform base/arena base/attr base/err base/errids base/map
        base/str config/cfgdef config/props record/record record/schema record/value)
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES worker/${header}.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/sluice/${folder})
endforeach()

# Ours, and those of the two libraries that are linked statically, in the one file that slim images keep.
set(copyright ${CMAKE_BINARY_DIR}/copyright)
file(WRITE ${copyright} "")
foreach(license "Sluice;${CMAKE_SOURCE_DIR}/LICENSE" "librdkafka, which is linked statically;${RDKAFKA_DIR}/LICENSES.txt"
        "jemalloc, which is linked statically;/usr/share/doc/libjemalloc-dev/copyright")
  list(GET license 0 name)
  list(GET license 1 file)
  file(READ ${file} text)
  file(APPEND ${copyright} "======== ${name} ========\n\n${text}\n")
endforeach()
install(FILES ${copyright} DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/sluice)
install(FILES packaging/worker.properties DESTINATION ${CMAKE_INSTALL_DATADIR}/sluice)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "the Sluice project")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Kafka Connect worker without a JVM")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "Streams Postgres changes into Kafka, lands topics in S3 and in Snowflake, and explains, repairs and
replays dead letters. Takes the configs, REST calls and internal topics of Kafka Connect and Debezium.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "ca-certificates, passwd, tzdata")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libsasl2-modules-gssapi-mit")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/packaging/postinst;${CMAKE_SOURCE_DIR}/packaging/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
