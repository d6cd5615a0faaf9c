#!/bin/sh
# Have version 1 of a package installed, and version 2 to be had, whose installation runs the words $1.
place=/srv/lamp-probe
package() {
    mkdir -p $place/build/DEBIAN
    cd $place || exit
    printf 'Package: lamp-probe\nVersion: %s\nArchitecture: all\nMaintainer: Nobody <nobody@example.com>\nDescription: Probe\n' "$1" \
        > build/DEBIAN/control
    printf '#!/bin/sh\nset -e\n%s\n' "$2" > build/DEBIAN/postinst
    chmod 755 build/DEBIAN/postinst
    dpkg-deb --build build probe.deb > /dev/null
}
package 1 true
dpkg --install probe.deb > /dev/null
package 2 "$1"
{
    cat build/DEBIAN/control
    printf 'Filename: ./probe.deb\nSize: %s\nSHA256: %s\n' "$(stat -c %s probe.deb)" "$(sha256sum probe.deb | cut -d ' ' -f 1)"
} > Packages
# Nothing else is there to be had, and what is need not be fetched from afar.
mkdir -p $place/sources
mv /etc/apt/sources.list* $place/sources
mkdir /etc/apt/sources.list.d
echo "deb [trusted=yes] file:$place ./" > /etc/apt/sources.list.d/lamp-probe.list
