CREATE TABLE product (id INT PRIMARY KEY);
INSERT INTO product VALUES (1);
-- Dump completed
