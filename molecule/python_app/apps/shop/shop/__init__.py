"""A shop with one table, its admin and its static files. Django
knows the driver PyMySQL as the other one.
"""

import pymysql

pymysql.version_info = (2, 2, 1, "final", 0)
pymysql.install_as_MySQLdb()
